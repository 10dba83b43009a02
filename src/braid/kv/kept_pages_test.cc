#include "braid/kv/kept_pages.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string>

namespace braid {
namespace {

const KvShape kKeptShape{.num_layers = 2, .num_kv_heads = 1, .head_dim = 8, .dtype = DType::kBFloat16, .page_size = 16};
const std::vector<KvGroupPool> kKeptPools = {{.num_pages = 12}};
constexpr int64_t kKeptBytes = 4711;

std::vector<TokenId> kept_tokens(TokenId first, int32_t count) {
  std::vector<TokenId> tokens(static_cast<size_t>(count));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

class KeptPagesTest : public ::testing::Test {
 protected:
  KeptPagesTest() { start(1); }

  KeptMemory memory() const { return *KeptMemory::open(keeper_.folder(), "0-0", 0).value(); }
  // Another process begins, with what the last one has left.
  void start(uint64_t number, const std::string& what = "a model") {
    kept_.reset();
    kept_ = KeptPages::open(memory(), what, kKeptShape, kKeptPools, kKeptBytes).value();
    found_ = kept_->chains(kept_->marks());
    kept_->begin_start(number);
  }
  void write(PageId page, int32_t slot, PageId parent, const std::vector<TokenId>& tokens) {
    kept_->begin(page, slot, ++step_);
    KeptPages::separate();
    kept_->end(page, slot, parent, tokens, 0);
  }

  MemoryKeeper keeper_ =
      MemoryKeeper::make(std::filesystem::path(::testing::TempDir()) / ("pages-" + std::to_string(getpid())),
                         std::array<std::string, 1>{"0-0"})
          .value();
  std::unique_ptr<KeptPages> kept_;
  std::vector<KeptPage> found_;
  uint64_t step_ = 0;
};

TEST_F(KeptPagesTest, TheNextStartFindsPagesWithTheirTokensAndContent) {
  write(3, 0, -1, kept_tokens(0, 10));
  write(3, 10, -1, kept_tokens(10, 6));
  write(5, 0, 3, kept_tokens(100, 4));
  write(7, 0, -1, kept_tokens(50, 1));
  {
    const KvCache cache = kept_->make_cache();
    cache.layer(1).values[cache.layer(1).page_bytes() * 3] = std::byte{42};
  }
  start(2);
  ASSERT_EQ(found_.size(), 3U);
  EXPECT_EQ(found_[0], (KeptPage{.page = 7, .parent = -1, .tokens = kept_tokens(50, 1)}));
  EXPECT_EQ(found_[1], (KeptPage{.page = 3, .parent = -1, .tokens = kept_tokens(0, 16)}));
  EXPECT_EQ(found_[2], (KeptPage{.page = 5, .parent = 1, .tokens = kept_tokens(100, 4)}));
  const KvCache cache = kept_->make_cache();
  EXPECT_EQ(cache.layer(1).values[cache.layer(1).page_bytes() * 3], std::byte{42});
  EXPECT_EQ(cache.layer(0).values[cache.layer(1).page_bytes() * 3], std::byte{0});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(cache.layer(1).keys) % 64, 0U);
}

TEST_F(KeptPagesTest, WhatAStepWasWritingIsNotKept) {
  write(3, 0, -1, kept_tokens(0, 16));
  write(4, 0, 3, kept_tokens(16, 5));
  kept_->begin(4, 5, ++step_);  // killed before the end
  write(6, 0, -1, kept_tokens(0, 16));
  kept_->begin(6, 0, ++step_);
  start(2);
  ASSERT_EQ(found_.size(), 2U);
  EXPECT_EQ(found_[1].tokens, kept_tokens(16, 5));
}

TEST_F(KeptPagesTest, PagesBehindOneThatWasTakenAwayAreNotKept) {
  write(3, 0, -1, kept_tokens(0, 16));
  write(4, 0, 3, kept_tokens(16, 16));
  write(3, 0, -1, kept_tokens(0, 16));  // for another sequence, with the same tokens as it happens
  start(2);
  EXPECT_EQ(found_.size(), 1U);
}

TEST_F(KeptPagesTest, APageThatCameFromElsewhereIsNot) {
  write(3, 0, -1, kept_tokens(0, 16));
  kept_->forget(3);
  write(3, 8, -1, kept_tokens(8, 3));
  write(4, 0, 3, kept_tokens(16, 2));
  start(2);
  EXPECT_TRUE(found_.empty());
}

TEST_F(KeptPagesTest, MarksDifferFromStartToStart) {
  write(3, 0, -1, kept_tokens(0, 4));
  const auto first = kept_->marks();
  start(2);
  EXPECT_EQ(kept_->marks(), first);
  write(3, 4, -1, kept_tokens(4, 4));
  EXPECT_NE(kept_->marks()[0].mark, first[0].mark) << "another rank may have gone on with other tokens";
  EXPECT_EQ(kept_->marks()[0].num_tokens, 8);
  const uint64_t mark = kept_->marks()[0].mark;
  write(3, 8, -1, kept_tokens(8, 1));
  EXPECT_EQ(kept_->marks()[0].mark, mark) << "within a start all ranks do the same";
}

TEST_F(KeptPagesTest, FewerTokensThanAreThereMayBeAskedFor) {
  write(3, 0, -1, kept_tokens(0, 16));
  write(4, 0, 3, kept_tokens(16, 16));
  auto marks = kept_->marks();
  marks[0].num_tokens = 15;
  const auto pages = kept_->chains(marks);
  ASSERT_EQ(pages.size(), 1U);
  EXPECT_EQ(pages[0].tokens, kept_tokens(0, 15));
}

TEST_F(KeptPagesTest, NothingIsKeptForAnotherModelOrOtherPools) {
  write(3, 0, -1, kept_tokens(0, 16));
  kept_.reset();
  EXPECT_EQ(KeptPages::pool_bytes_in(memory(), "a model"), kKeptBytes);
  EXPECT_EQ(KeptPages::pool_bytes_in(memory(), "another"), 0);
  start(2, "another");
  EXPECT_TRUE(found_.empty());
  start(3);
  EXPECT_TRUE(found_.empty());
  write(3, 0, -1, kept_tokens(0, 16));
  kept_.reset();
  kept_ = KeptPages::open(memory(), "a model", kKeptShape, kKeptPools, kKeptBytes + 1).value();
  EXPECT_TRUE(kept_->marks().empty());
}

}  // namespace
}  // namespace braid
