#include "braid/grammar/automaton/arena_list.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid::grammar {
namespace {

template <typename T>
std::vector<T> items_of(const ArenaList<T>& list) {
  return {list.begin(), list.end()};
}

TEST(ArenaList, KeepsItsItemsWhileItGrows) {
  Arena arena;
  ArenaList<int> list;
  ArenaList<int> other;  // grows beside it
  std::vector<int> expected;
  EXPECT_TRUE(list.empty());
  for (int i = 0; i < 100; ++i) {
    list.push_back(arena, i);
    other.push_back(arena, -i);
    expected.push_back(i);
    ASSERT_EQ(items_of(list), expected);
  }
  list.append(arena, expected);
  list.append(arena, {});
  expected.insert(expected.end(), expected.begin(), expected.begin() + 100);
  EXPECT_EQ(items_of(list), expected);
  EXPECT_EQ(other.size(), 100U);
  EXPECT_EQ(*(other.end() - 1), -99);
}

TEST(ArenaList, ErasesItemsInPlace) {
  Arena arena;
  ArenaList<int> list;
  for (int i = 0; i < 10; ++i) list.push_back(arena, i);
  list.erase_if([](int item) { return item % 3 != 0; });
  EXPECT_EQ(items_of(list), std::vector<int>({0, 3, 6, 9}));
  list.push_back(arena, 12);
  EXPECT_EQ(items_of(list), std::vector<int>({0, 3, 6, 9, 12}));
}

TEST(ArenaList, ACopyInAnArenaSharesNoItems) {
  Arena arena;
  ArenaList<int> list;
  list.append(arena, std::vector<int>({1, 2, 3}));
  ArenaList<int> copy = list.copied_to(arena);
  for (int& item : copy) item += 10;
  copy.push_back(arena, 14);
  EXPECT_EQ(items_of(list), std::vector<int>({1, 2, 3}));
  EXPECT_EQ(items_of(copy), std::vector<int>({11, 12, 13, 14}));
}

}  // namespace
}  // namespace braid::grammar
