#include "braid/controller/prefixes_on_the_way.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid {
namespace {

using Pages = std::vector<int32_t>;

Pages extended(const PrefixesOnTheWay& on_the_way, const std::vector<uint64_t>& prefixes, Pages num_pages) {
  on_the_way.extend(prefixes, num_pages);
  return num_pages;
}

TEST(PrefixesOnTheWay, CountUntilTheGroupHasSeenTheirCommand) {
  PrefixesOnTheWay on_the_way(2);
  on_the_way.add(1, 7, std::vector<uint64_t>{1, 2, 3, 4}, 0);
  EXPECT_EQ(extended(on_the_way, {1, 2, 30}, {0, 0}), (Pages{0, 2}));
  EXPECT_EQ(extended(on_the_way, {1, 2, 3, 4, 5}, {0, 0}), (Pages{0, 4}));
  EXPECT_EQ(extended(on_the_way, {10, 2, 3}, {0, 0}), (Pages{0, 0}));
  EXPECT_EQ(extended(on_the_way, {1, 2, 3}, {2, 3}), (Pages{2, 3})) << "the group has it already";
  on_the_way.arrive(1, 6);
  EXPECT_EQ(extended(on_the_way, {1, 2}, {0, 0}), (Pages{0, 2}));
  on_the_way.arrive(1, 7);
  EXPECT_EQ(extended(on_the_way, {1, 2}, {0, 0}), (Pages{0, 0}));
}

TEST(PrefixesOnTheWay, OnePromptGoesOnWhereTheGroupsCacheOrAnotherPromptEnds) {
  PrefixesOnTheWay on_the_way(2);
  on_the_way.add(0, 1, std::vector<uint64_t>{1, 2, 3}, 1);
  on_the_way.add(0, 2, std::vector<uint64_t>{1, 2, 3, 4, 5}, 3);
  EXPECT_EQ(extended(on_the_way, {1, 2, 3, 4, 5, 6}, {1, 1}), (Pages{5, 1}));
  EXPECT_EQ(extended(on_the_way, {1, 2, 3, 4, 5, 6}, {0, 0}), (Pages{0, 0})) << "the cache has lost the first page";
  on_the_way.arrive(0, 1);
  EXPECT_EQ(extended(on_the_way, {1, 2, 3, 4, 5, 6}, {1, 1}), (Pages{1, 1}));
  EXPECT_EQ(extended(on_the_way, {1, 2, 3, 4, 5, 6}, {3, 1}), (Pages{5, 1}));
}

TEST(PrefixesOnTheWay, ThoseOfALostGroupAreForgotten) {
  PrefixesOnTheWay on_the_way(2);
  on_the_way.add(0, 1, std::vector<uint64_t>{1, 2}, 0);
  on_the_way.add(1, 1, std::vector<uint64_t>{1, 2}, 0);
  on_the_way.add(0, 2, std::vector<uint64_t>{1, 2}, 2);
  on_the_way.lose(0);
  EXPECT_EQ(extended(on_the_way, {1, 2}, {0, 0}), (Pages{0, 2}));
}

}  // namespace
}  // namespace braid
