#include "braid/kv/radix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>

#include "braid/base/result.h"

namespace braid {
namespace {

using Tokens = std::vector<TokenId>;

Pages insert_new(BlockPool& pool, RadixTree& tree, const Tokens& tokens, int32_t page_size) {
  auto pages = pool.allocate(static_cast<int32_t>(tokens.size()) / page_size);
  tree.insert(tokens, *pages);
  return std::move(*pages);
}

TEST(RadixTree, MatchesWholePagesOfTheLongestCommonPrefix) {
  BlockPool pool(10);
  RadixTree tree(pool, 2);
  const Pages pages = insert_new(pool, tree, {1, 2, 3, 4, 5, 6}, 2);
  EXPECT_EQ(tree.match(Tokens{1, 2, 3, 4, 5, 6, 7}).size(), 3);
  EXPECT_EQ(tree.match(Tokens{1, 2, 3, 4, 5}).size(), 2);
  EXPECT_EQ(tree.match(Tokens{1, 2, 3, 9, 5, 6}).size(), 1);
  EXPECT_EQ(tree.match(Tokens{1}).size(), 0);
  EXPECT_EQ(tree.match(Tokens{3, 4}).size(), 0);
  EXPECT_EQ(tree.match(Tokens{}).size(), 0);
  EXPECT_EQ(tree.match(Tokens{1, 2, 3, 4}).ids()[1], pages.ids()[1]);
}

TEST(RadixTree, ASecondCopyIsGivenUpForTheTreesOwn) {
  BlockPool pool(10);
  RadixTree tree(pool, 2);
  const Pages first = insert_new(pool, tree, {1, 2, 3, 4}, 2);
  const Pages second = insert_new(pool, tree, {1, 2, 3, 4, 5, 6}, 2);
  EXPECT_TRUE(std::equal(first.ids().begin(), first.ids().end(), second.ids().begin()));
  EXPECT_EQ(tree.num_pages(), 3);
  EXPECT_EQ(pool.num_free(), 7);
}

TEST(RadixTree, EvictsTheLeastRecentlyUsedLeavesThatNobodyHolds) {
  BlockPool pool(10);
  RadixTree tree(pool, 1);
  insert_new(pool, tree, {1, 2, 3}, 1);  // oldest
  insert_new(pool, tree, {1, 4}, 1);
  Pages held = insert_new(pool, tree, {7, 8}, 1);
  tree.match(Tokens{1, 2});  // 3 stays the oldest
  EXPECT_EQ(tree.evict(1), 1);
  EXPECT_EQ(tree.match(Tokens{1, 2, 3}).size(), 2);  // a use of 2: now 4 is older
  EXPECT_EQ(tree.evict(1), 1);
  EXPECT_EQ(tree.match(Tokens{1, 4}).size(), 1);
  EXPECT_EQ(tree.probe(Tokens{7, 8}).num_held_pages, 2);
  EXPECT_EQ(tree.evict(10), 2);  // all but what is held
  EXPECT_EQ(tree.num_pages(), 2);
  held.clear();
  EXPECT_EQ(tree.probe(Tokens{7, 8}).num_held_pages, 0);
  EXPECT_EQ(tree.probe(Tokens{7, 8}).num_cached_pages, 2);
  EXPECT_EQ(tree.evict(10), 2);
  EXPECT_EQ(pool.num_free(), 10);
}

// Against a map from every cached prefix to its page.
TEST(RadixTree, AgreesWithAMapOfPrefixes) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    const int32_t page_size = pick(1, 4);
    BlockPool pool(pick(10, 40));
    RadixTree tree(pool, page_size);
    std::map<Tokens, PageId> cached;
    std::vector<std::pair<Tokens, Pages>> sequences;
    const auto draw = [&] {
      Tokens tokens(static_cast<size_t>(pick(0, 8 * page_size)));
      for (TokenId& token : tokens) token = pick(0, 1);
      return tokens;
    };
    const auto prefix = [&](const Tokens& tokens, int32_t pages) {
      return Tokens(tokens.begin(), tokens.begin() + pages * page_size);
    };
    const auto forget_evicted = [&] {
      const auto ids = tree.page_ids();
      std::erase_if(cached, [&](const auto& entry) { return std::ranges::find(ids, entry.second) == ids.end(); });
    };
    for (int step = 0; step < 300; ++step) {
      const int action = pick(0, 3);
      if (action == 0 && !sequences.empty()) {
        sequences.erase(sequences.begin() + pick(0, static_cast<int>(sequences.size()) - 1));
      } else if (action == 1) {
        const int32_t idle = pool.num_idle_cached();
        const int32_t wanted = pick(0, 5);
        EXPECT_EQ(tree.evict(wanted), std::min(wanted, idle));
        forget_evicted();
      } else {
        Tokens tokens = draw();
        const auto num_pages = static_cast<int32_t>(tokens.size()) / page_size;
        Pages pages = tree.match(tokens);
        int32_t expected = 0;
        while (expected < num_pages && cached.contains(prefix(tokens, expected + 1))) ++expected;
        ASSERT_EQ(pages.size(), expected);
        for (int32_t i = 0; i < expected; ++i) {
          EXPECT_EQ(pages.ids()[static_cast<size_t>(i)], cached.at(prefix(tokens, i + 1)));
        }
        tree.evict(num_pages - expected - pool.num_free());
        forget_evicted();
        auto rest = pool.allocate(num_pages - expected);
        if (!rest) continue;
        pages.append(std::move(*rest));
        tree.insert(tokens, pages);
        for (int32_t i = 0; i < num_pages; ++i) {
          cached.emplace(prefix(tokens, i + 1), pages.ids()[static_cast<size_t>(i)]);
        }
        EXPECT_EQ(tree.num_pages(), static_cast<int32_t>(cached.size()));
        sequences.emplace_back(std::move(tokens), std::move(pages));
      }
      // What sequences hold is never evicted.
      for (const auto& [tokens, pages] : sequences) {
        EXPECT_EQ(tree.probe(tokens).num_cached_pages, pages.size());
        EXPECT_EQ(tree.probe(tokens).num_held_pages, pages.size());
      }
    }
    sequences.clear();
    EXPECT_EQ(tree.evict(1000), static_cast<int32_t>(cached.size()));
    EXPECT_EQ(pool.num_free(), pool.num_pages());
  }
}

}  // namespace
}  // namespace braid
