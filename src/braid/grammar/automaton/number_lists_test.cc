#include "braid/grammar/automaton/number_lists.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace braid::grammar {
namespace {

TEST(NumberLists, NumbersEachListOnce) {
  std::mt19937 random(1);
  NumberLists lists;
  std::map<std::vector<uint32_t>, uint32_t> numbers;
  for (int i = 0; i < 5000; ++i) {
    std::vector<uint32_t> list(random() % 4);
    for (uint32_t& value : list) value = random() % 8;
    const auto [found, is_new] = numbers.emplace(list, lists.size());
    EXPECT_EQ(lists.find_or_add(list), found->second);
    EXPECT_EQ(lists.size(), numbers.size());
  }
  for (const auto& [list, number] : numbers) {
    EXPECT_TRUE(std::ranges::equal(lists[number], list));
  }
  EXPECT_GT(numbers.size(), 500U);
}

// Long lists are hashed in four parts: the same numbers elsewhere are another list.
TEST(NumberLists, TellsLongListsApart) {
  NumberLists lists;
  std::vector<std::vector<uint32_t>> all;
  for (size_t size = 14; size < 22; ++size) {
    for (size_t i = 0; i < size; ++i) {
      all.emplace_back(size, 0);
      all.back()[i] = 1;
    }
  }
  for (uint32_t i = 0; i < all.size(); ++i) EXPECT_EQ(lists.find_or_add(all[i]), i);
  for (uint32_t i = 0; i < all.size(); ++i) EXPECT_EQ(lists.find_or_add(all[i]), i);
}

}  // namespace
}  // namespace braid::grammar
