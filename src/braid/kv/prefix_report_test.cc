#include "braid/kv/prefix_report.h"

#include <gtest/gtest.h>

#include <vector>

#include "braid/kv/kv_index.h"
#include "braid/request/prefix_hash.h"

namespace braid {
namespace {

constexpr int32_t kReportedPageSize = 4;
const std::vector<KvGroupPool> kReportedPools = {{.num_pages = 20}, {.window = 6, .num_pages = 10}};

std::vector<TokenId> reported_tokens(int32_t count, TokenId first = 0) {
  std::vector<TokenId> tokens(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) tokens[static_cast<size_t>(i)] = first + i;
  return tokens;
}

class PrefixReportTest : public ::testing::Test {
 protected:
  SequencePages run(std::span<const TokenId> tokens) {
    SequencePages pages = kv_.no_pages();
    kv_.extend(pages, std::ssize(tokens));
    kv_.cache(tokens, pages);
    return pages;
  }
  KvIndex kv_{kReportedPools, kReportedPageSize, 8, true};
};

TEST_F(PrefixReportTest, TheFirstDigestIsWholeAndTellsTheShape) {
  const PrefixDigest first = kv_.take_prefix_changes();
  EXPECT_TRUE(first.is_whole);
  EXPECT_EQ(first.shape, (PrefixShape{.page_size = 4, .num_pages = 30, .window_pages = {-1, 2}}));
  EXPECT_TRUE(first.added.empty());
  EXPECT_TRUE(kv_.take_prefix_changes().is_empty()) << "nothing has changed";
}

TEST_F(PrefixReportTest, TellsWhatCameWasHeldReleasedAndEvicted) {
  kv_.take_prefix_changes();
  const std::vector<TokenId> tokens = reported_tokens(8);
  const std::vector<uint64_t> widest = prefix_hashes(tokens, 4, false);
  const std::vector<uint64_t> both = {widest[0], widest[1], prefix_hash_in(widest[0], 1), prefix_hash_in(widest[1], 1)};
  SequencePages pages = run(tokens);
  PrefixDigest digest = kv_.take_prefix_changes();
  std::ranges::sort(digest.added);
  std::vector<uint64_t> sorted = both;
  std::ranges::sort(sorted);
  EXPECT_EQ(digest.added, sorted);
  EXPECT_EQ(digest.held, widest) << "only the widest KV group's";
  EXPECT_FALSE(digest.is_whole);
  pages = kv_.no_pages();
  const PrefixDigest after = kv_.take_prefix_changes();
  EXPECT_EQ(after.released.size(), 2U);
  EXPECT_TRUE(after.added.empty() && after.removed.empty() && after.held.empty());
  kv_.make_free(1, 9);
  const PrefixDigest evicted = kv_.take_prefix_changes();
  EXPECT_EQ(evicted.removed, std::vector<uint64_t>{prefix_hash_in(widest[1], 1)}) << "released first";
}

TEST_F(PrefixReportTest, WhatCameAndWentBetweenTwoDigestsIsNotTold) {
  const std::vector<TokenId> kept = reported_tokens(12, 50);
  const SequencePages held = run(kept);
  kv_.take_prefix_changes();
  SequencePages pages = run(reported_tokens(4));
  pages = kv_.no_pages();
  kv_.flush();
  EXPECT_TRUE(kv_.take_prefix_changes().is_empty());
}

TEST_F(PrefixReportTest, TellsEverythingWhenThatIsShorterOrAskedFor) {
  kv_.take_prefix_changes();
  const std::vector<TokenId> kept = reported_tokens(4, 50);
  const SequencePages held = run(kept);
  SequencePages pages = run(reported_tokens(20));
  kv_.take_prefix_changes();
  pages = kv_.no_pages();
  kv_.flush();
  const PrefixDigest after_flush = kv_.take_prefix_changes();
  EXPECT_TRUE(after_flush.is_whole) << "10 pages went, one of each KV group is left";
  EXPECT_EQ(after_flush.added.size(), 2U);
  EXPECT_EQ(after_flush.held, prefix_hashes(kept, 4, false));
  EXPECT_TRUE(after_flush.removed.empty());
  EXPECT_TRUE(kv_.take_prefix_changes().is_empty());
  kv_.tell_all_prefixes();
  EXPECT_EQ(kv_.take_prefix_changes(), after_flush);
}

}  // namespace
}  // namespace braid
