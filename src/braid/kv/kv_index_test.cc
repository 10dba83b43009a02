#include "braid/kv/kv_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace braid {
namespace {

constexpr int32_t kIndexPageSize = 4;
constexpr int32_t kIndexWindow = 6;  // a query reads up to 2 pages before its own
constexpr int32_t kIndexMaxNew = 8;

// KV group 0 sees all positions and has 20 pages; KV group 1 has a window and 10 pages.
const std::vector<KvGroupPool> kIndexPools = {{.num_pages = 20}, {.window = kIndexWindow, .num_pages = 10}};

std::vector<TokenId> counted_tokens(int32_t count, TokenId first = 0) {
  std::vector<TokenId> tokens(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) tokens[static_cast<size_t>(i)] = first + i;
  return tokens;
}

std::vector<int32_t> sizes_of_runs(const SequencePages& pages) {
  std::vector<int32_t> sizes;
  for (const PageRun& run : pages) sizes.push_back(run.pages.size());
  return sizes;
}

class KvIndexTest : public testing::Test {
 protected:
  // The pages of a new sequence whose tokens are all computed in one step.
  SequencePages computed_pages(int32_t num_tokens) {
    SequencePages pages = kv_.no_pages();
    kv_.extend(pages, num_tokens);
    return pages;
  }

  KvIndex kv_{kIndexPools, kIndexPageSize, kIndexMaxNew, true};
};

TEST_F(KvIndexTest, HasAPoolForEachKvGroup) {
  EXPECT_EQ(kv_.num_kv_groups(), 2);
  EXPECT_EQ(kv_.pool().num_pages(), 20);
  EXPECT_EQ(kv_.pool(1).num_pages(), 10);
  EXPECT_EQ(sizes_of_runs(kv_.no_pages()), (std::vector<int32_t>{0, 0}));
}

TEST_F(KvIndexTest, PagesForRoundsUp) {
  EXPECT_EQ(kv_.pages_for(0), 0);
  EXPECT_EQ(kv_.pages_for(1), 1);
  EXPECT_EQ(kv_.pages_for(4), 1);
  EXPECT_EQ(kv_.pages_for(5), 2);
}

TEST_F(KvIndexTest, ExtendAddsTheMissingPagesInEveryKvGroup) {
  SequencePages pages = kv_.no_pages();
  EXPECT_EQ(kv_.num_missing(0, pages, 9), 3);
  kv_.extend(pages, 9);
  EXPECT_EQ(sizes_of_runs(pages), (std::vector<int32_t>{3, 3}));
  EXPECT_EQ(kv_.num_missing(0, pages, 12), 0);
  EXPECT_EQ(kv_.num_missing(1, pages, 4), 0) << "never below zero";
  const std::vector<PageId> first(pages[0].pages.ids().begin(), pages[0].pages.ids().end());
  kv_.extend(pages, 12);
  EXPECT_EQ(sizes_of_runs(pages), (std::vector<int32_t>{3, 3}));
  kv_.extend(pages, 13);
  EXPECT_EQ(sizes_of_runs(pages), (std::vector<int32_t>{4, 4}));
  EXPECT_TRUE(std::equal(first.begin(), first.end(), pages[0].pages.ids().begin())) << "new pages come last";
  EXPECT_EQ(kv_.pool(0).num_free(), 16);
  EXPECT_EQ(kv_.pool(1).num_free(), 6);
}

TEST_F(KvIndexTest, PagesBehindTheWindowAreReleasedAndNotMissing) {
  SequencePages pages = computed_pages(21);
  kv_.release_behind(pages, 21);
  EXPECT_EQ(sizes_of_runs(pages), (std::vector<int32_t>{6, 3}));
  EXPECT_EQ(pages[0].first, 0);
  EXPECT_EQ(pages[1].first, 3) << "a token at position 20 reads positions 15 to 19";
  EXPECT_EQ(kv_.pool(1).num_free(), 7);
  EXPECT_EQ(kv_.num_missing(1, pages, 24), 0);
  EXPECT_EQ(kv_.num_missing(1, pages, 25), 1);
  kv_.release_behind(pages, 21);
  EXPECT_EQ(sizes_of_runs(pages), (std::vector<int32_t>{6, 3}));
  kv_.release_behind(pages, 4);
  EXPECT_EQ(pages[1].first, 3) << "a run never begins earlier again";
}

// A sequence that arrives from another DP group holds nothing yet, and never needs the pages behind its window.
TEST_F(KvIndexTest, AnEmptyRunBeginsAtTheFirstPageWithinTheWindow) {
  SequencePages pages = kv_.no_pages();
  kv_.release_behind(pages, 21);
  EXPECT_EQ(pages[1].first, 3);
  EXPECT_EQ(kv_.num_missing(0, pages, 21), 6);
  EXPECT_EQ(kv_.num_missing(1, pages, 21), 3);
}

TEST_F(KvIndexTest, NumKeptIsWhatASequenceHoldsBetweenSteps) {
  for (int32_t num_tokens = 0; num_tokens <= 40; ++num_tokens) {
    SequencePages pages = computed_pages(num_tokens);
    kv_.release_behind(pages, num_tokens);
    EXPECT_EQ(kv_.num_kept(num_tokens), pages[0].pages.size() + pages[1].pages.size()) << num_tokens;
  }
  EXPECT_EQ(kv_.num_kept(21), 6 + 3);
}

TEST_F(KvIndexTest, MatchHoldsTheCachedPrefixAndOnlyFullPagesAreCached) {
  const std::vector<TokenId> tokens = counted_tokens(11);
  SequencePages pages = computed_pages(11);
  kv_.cache(tokens, pages);
  EXPECT_EQ(kv_.tree().num_nodes(), 2);
  const PageId second_page = pages[0].pages.ids()[1];
  pages = kv_.no_pages();
  EXPECT_EQ(kv_.pool().num_free(), 18);
  EXPECT_EQ(kv_.pool().num_idle_cached(), 2);
  const PrefixMatch match = kv_.match(tokens);
  EXPECT_EQ(match.num_pages, 2);
  EXPECT_EQ(match.pages[0].pages.ids()[1], second_page);
  EXPECT_EQ(kv_.pool().references(second_page), 2);
  EXPECT_EQ(kv_.pool().num_idle_cached(), 0);
  EXPECT_EQ(kv_.match(counted_tokens(11, 1)).num_pages, 0);
}

TEST_F(KvIndexTest, ProbeCountsCachedAndHeldPagesAndHoldsNothing) {
  const std::vector<TokenId> tokens = counted_tokens(12);
  SequencePages pages = computed_pages(12);
  kv_.cache(tokens, pages);
  EXPECT_EQ(kv_.probe(tokens).num_cached_pages, 3);
  EXPECT_EQ(kv_.probe(tokens).num_held_pages, 3);
  pages = kv_.no_pages();
  EXPECT_EQ(kv_.probe(tokens).num_cached_pages, 3);
  EXPECT_EQ(kv_.probe(tokens).num_held_pages, 0);
  EXPECT_EQ(kv_.pool().num_idle_cached(), 3);
}

TEST(KvIndex, WithoutAPrefixCacheNothingIsKept) {
  KvIndex kv(kIndexPools, kIndexPageSize, kIndexMaxNew, false);
  const std::vector<TokenId> tokens = counted_tokens(12);
  SequencePages pages = kv.no_pages();
  kv.extend(pages, 12);
  kv.cache(tokens, pages);
  EXPECT_EQ(kv.tree().num_nodes(), 0);
  EXPECT_EQ(kv.match(tokens).num_pages, 0);
  EXPECT_EQ(sizes_of_runs(kv.match(tokens).pages), (std::vector<int32_t>{0, 0}));
  EXPECT_EQ(kv.probe(tokens).num_cached_pages, 0);
  pages = kv.no_pages();
  EXPECT_EQ(kv.pool(0).num_free(), 20);
  EXPECT_EQ(kv.pool(1).num_free(), 10);
  EXPECT_EQ(kv.flush(), 0);
}

TEST_F(KvIndexTest, MakeFreeEvictsNoMoreThanNeededInThatKvGroupOnly) {
  SequencePages pages = computed_pages(16);
  kv_.cache(counted_tokens(16), pages);
  pages = kv_.no_pages();
  ASSERT_EQ(kv_.pool(1).num_free(), 6);
  EXPECT_TRUE(kv_.make_free(1, 5));
  EXPECT_EQ(kv_.pool(1).num_idle_cached(), 4) << "enough were free";
  EXPECT_TRUE(kv_.make_free(1, 8));
  EXPECT_EQ(kv_.pool(1).num_free(), 8);
  EXPECT_EQ(kv_.pool(1).num_idle_cached(), 2);
  EXPECT_EQ(kv_.pool(0).num_idle_cached(), 4);
}

TEST_F(KvIndexTest, MakeFreeFailsWhereSequencesHoldThePages) {
  SequencePages held = computed_pages(16);
  kv_.cache(counted_tokens(16), held);
  SequencePages idle = computed_pages(8);
  kv_.cache(counted_tokens(8, 100), idle);
  idle = kv_.no_pages();
  EXPECT_FALSE(kv_.make_free(1, 7));
  EXPECT_EQ(kv_.pool(1).num_free(), 6) << "idle pages are evicted all the same";
  EXPECT_EQ(kv_.probe(counted_tokens(16)).num_held_pages, 4);
}

TEST_F(KvIndexTest, FlushEvictsAllIdlePagesOfEveryKvGroupAndCountsTheWidestOnesTokens) {
  SequencePages held = computed_pages(8);
  kv_.cache(counted_tokens(8), held);
  SequencePages idle = computed_pages(16);
  kv_.cache(counted_tokens(16, 100), idle);
  idle = kv_.no_pages();
  EXPECT_EQ(kv_.flush(), 16);
  EXPECT_EQ(kv_.pool(0).num_free(), 18);
  EXPECT_EQ(kv_.pool(1).num_free(), 8);
  EXPECT_EQ(kv_.match(counted_tokens(8)).num_pages, 2) << "held pages stay";
  EXPECT_EQ(kv_.match(counted_tokens(16, 100)).num_pages, 0);
  EXPECT_EQ(kv_.flush(), 0);
}

TEST_F(KvIndexTest, MostPagesBoundsOnlyKvGroupsWithAWindow) {
  EXPECT_EQ(kv_.most_pages(0), std::nullopt);
  EXPECT_EQ(kv_.most_pages(1), most_kept_pages(kIndexWindow, kIndexMaxNew, kIndexPageSize));
  EXPECT_EQ(kv_.most_pages(1), 5);
}

TEST_F(KvIndexTest, NumSoonCountsTheTokensAndOnePageMore) {
  EXPECT_EQ(kv_.num_soon(0, kv_.no_pages(), {.num_tokens = 9}), 4);
  const SequencePages pages = computed_pages(8);
  EXPECT_EQ(kv_.num_soon(0, pages, {.num_tokens = 8, .num_computed = 8}), 1);
  EXPECT_EQ(kv_.num_soon(0, pages, {.num_tokens = 9, .num_computed = 8}), 2);
}

TEST_F(KvIndexTest, NumSoonOfAWindowIsBoundedByTheWindowAndOneStep) {
  const SequencePages none = kv_.no_pages();
  EXPECT_EQ(kv_.num_soon(1, none, {.num_tokens = 3}), 2) << "a short sequence needs no full window";
  EXPECT_EQ(kv_.num_soon(1, none, {.num_tokens = 400}), 5) << "a step has at most max_new_tokens";
  EXPECT_EQ(kv_.num_soon(1, none, {.num_tokens = 400, .num_computed = 398}), 4);
  EXPECT_EQ(kv_.num_soon(1, none, {.num_tokens = 400, .num_computed = 400}), 3) << "a step has at least one token";
  SequencePages pages = computed_pages(21);
  kv_.release_behind(pages, 21);
  EXPECT_EQ(kv_.num_soon(1, pages, {.num_tokens = 400, .num_computed = 21}), 2);
  EXPECT_EQ(kv_.num_soon(1, pages, {.num_tokens = 22, .num_computed = 21}), 0);
  EXPECT_EQ(kv_.num_soon(1, computed_pages(21), {.num_tokens = 22, .num_computed = 21}), 0) << "never below zero";
}

// Computes random sequences chunk by chunk: no step needs more pages than num_soon() says before it, and none holds
// more than most_pages().
TEST(KvIndex, NumSoonCoversEveryNextStep) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto pick = [&](int32_t low, int32_t high) {
      return std::uniform_int_distribution<int32_t>(low, high)(random);
    };
    const std::vector<KvGroupPool> pools = {{.num_pages = 200}, {.window = pick(1, 30), .num_pages = 200}};
    const int32_t max_new = pick(1, 20);
    KvIndex kv(pools, pick(1, 6), max_new, false);
    const int32_t num_tokens = pick(1, 100);
    SequencePages pages = kv.no_pages();
    for (int32_t done = 0; done < num_tokens;) {
      const int32_t end = std::min(num_tokens, done + pick(1, max_new));
      for (int32_t kv_group = 0; kv_group < 2; ++kv_group) {
        const int64_t soon = kv.num_soon(kv_group, pages, {.num_tokens = num_tokens, .num_computed = done});
        EXPECT_LE(kv.num_missing(kv_group, pages, end), soon);
      }
      kv.extend(pages, end);
      EXPECT_LE(pages[1].pages.size(), kv.most_pages(1).value());
      kv.release_behind(pages, end);
      done = end;
    }
    EXPECT_EQ(pages[0].pages.size() + pages[1].pages.size(), kv.num_kept(num_tokens));
  }
}

TEST(KvIndexDeathTest, ExtendNeedsFreePages) {
  KvIndex kv(kIndexPools, kIndexPageSize, kIndexMaxNew, true);
  SequencePages pages = kv.no_pages();
  EXPECT_DEATH(kv.extend(pages, 41), "KV group 1 has not 11 pages");
}

// Pages that are there before anything is computed: two sequences with the same first page.
class KeptKvIndexTest : public testing::Test {
 protected:
  KeptKvIndexTest() {
    kv_.adopt(std::vector<KeptPage>{{.page = 7, .parent = -1, .tokens = counted_tokens(4)},
                                    {.page = 2, .parent = 0, .tokens = counted_tokens(4, 4)},
                                    {.page = 9, .parent = 1, .tokens = counted_tokens(3, 8)},
                                    {.page = 5, .parent = 0, .tokens = counted_tokens(2, 100)},
                                    {.page = 1, .parent = -1, .tokens = counted_tokens(1, 50)}});
  }

  KvIndex kv_{std::vector<KvGroupPool>{{.num_pages = 12}}, kIndexPageSize, kIndexMaxNew, true};
};

TEST_F(KeptKvIndexTest, FullOnesAreInThePrefixCache) {
  const PrefixMatch match = kv_.match(counted_tokens(11));
  EXPECT_EQ(match.num_pages, 2);
  EXPECT_EQ(std::vector(match.pages[0].pages.ids().begin(), match.pages[0].pages.ids().end()),
            (std::vector<PageId>{7, 2}));
  EXPECT_EQ(kv_.pool().num_free(), 12 - 5);
  EXPECT_EQ(kv_.take_prefix_changes().added.size(), 2U);
}

TEST_F(KeptKvIndexTest, OthersAreForTheSequenceThatHasTheirTokens) {
  PrefixMatch match = kv_.match(counted_tokens(11));
  EXPECT_EQ(kv_.take_kept(counted_tokens(10), 8, match.pages), 2) << "no more than are wanted";
  EXPECT_EQ(match.pages[0].pages.ids()[2], 9);
  EXPECT_EQ(kv_.take_kept(counted_tokens(11), 8, match.pages), 0) << "it is gone";
  SequencePages other = kv_.no_pages();
  EXPECT_EQ(kv_.take_kept(counted_tokens(4), 0, other), 0);
  EXPECT_EQ(kv_.take_kept(counted_tokens(2, 50), 0, other), 1);
  EXPECT_EQ(kv_.kept_pages(), std::vector<PageId>{5});
}

TEST_F(KeptKvIndexTest, NobodysPagesAreFreeOnceOneIsMissing) {
  EXPECT_EQ(kv_.kept_pages().size(), 3U);
  EXPECT_EQ(kv_.num_available(), 12);
  EXPECT_EQ(kv_.free_pages(), (std::vector<PageId>{0, 3, 4, 6, 8, 10, 11}));
  EXPECT_TRUE(kv_.make_free(0, 7));
  EXPECT_EQ(kv_.kept_pages().size(), 3U);
  EXPECT_TRUE(kv_.make_free(0, 8));
  EXPECT_TRUE(kv_.kept_pages().empty());
  EXPECT_EQ(kv_.pool().num_free(), 10);
  EXPECT_EQ(kv_.flush(), 8);
  EXPECT_EQ(kv_.pool().num_free(), 12);
}

TEST_F(KeptKvIndexTest, TwoPagesWithTheSameTokensAreOne) {
  KvIndex kv{std::vector<KvGroupPool>{{.num_pages = 12}}, kIndexPageSize, kIndexMaxNew, true};
  kv.adopt(std::vector<KeptPage>{{.page = 3, .parent = -1, .tokens = counted_tokens(4)},
                                 {.page = 4, .parent = -1, .tokens = counted_tokens(4)},
                                 {.page = 6, .parent = 1, .tokens = counted_tokens(4, 4)}});
  EXPECT_EQ(kv.match(counted_tokens(8)).num_pages, 2);
  EXPECT_EQ(kv.pool().num_free(), 12 - 2);
}

}  // namespace
}  // namespace braid
