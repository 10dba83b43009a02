#include "braid/worker/kv_page_transfer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace braid {
namespace {

constexpr KvShape kTransferShape{
    .num_layers = 2, .num_kv_heads = 1, .head_dim = 8, .dtype = DType::kFloat32, .page_size = 16};
constexpr int64_t kTransferPage = 8 * 16 * 4;
constexpr Move kMove{.id = 7, .from_group = 0, .to_group = 1, .num_pages = 2};

void fill(KvCache& cache, PageId page, int value) {
  cache.mark_committed(std::span(&page, 1));
  for (int32_t layer = 0; layer < cache.num_layers(); ++layer) {
    std::memset(cache.layer(layer).keys + page * kTransferPage, value, kTransferPage);
    std::memset(cache.layer(layer).values + page * kTransferPage, value + 1, kTransferPage);
  }
}

bool is_filled(const KvCache& cache, PageId page, int value) {
  for (int32_t layer = 0; layer < cache.num_layers(); ++layer) {
    for (int64_t i = 0; i < kTransferPage; ++i) {
      if (cache.layer(layer).keys[page * kTransferPage + i] != static_cast<std::byte>(value)) return false;
      if (cache.layer(layer).values[page * kTransferPage + i] != static_cast<std::byte>(value + 1)) return false;
    }
  }
  return true;
}

const std::vector<std::vector<PageId>> kFrom = {{3, 0}};
const std::vector<std::vector<PageId>> kTo = {{1, 2}};

TEST(LocalKvPageTransfer, TakesEachRanksPagesAsTheyWereWhenGiven) {
  KvCache source(kTransferShape, 4);
  KvCache target(kTransferShape, 4);
  fill(source, 3, 30);
  fill(source, 0, 10);
  LocalKvPageTransfer page_transfer(1);
  ASSERT_TRUE(page_transfer.give(kMove, 0, source, kFrom).ok());
  fill(source, 3, 77);
  ASSERT_TRUE(page_transfer.give(kMove, 1, source, kFrom).ok());
  ASSERT_TRUE(page_transfer.take(kMove, 0, target, kTo).ok());
  EXPECT_TRUE(is_filled(target, 1, 30));
  EXPECT_TRUE(is_filled(target, 2, 10));
  ASSERT_TRUE(page_transfer.take(kMove, 1, target, kTo).ok());
  EXPECT_TRUE(is_filled(target, 1, 77));
  EXPECT_EQ(page_transfer.num_parts_on_the_way(), 0);
}

TEST(LocalKvPageTransfer, TakingIntoNoPagesDropsTheCopy) {
  KvCache source(kTransferShape, 4);
  KvCache target(kTransferShape, 4);
  fill(target, 1, 5);
  LocalKvPageTransfer page_transfer(1);
  ASSERT_TRUE(page_transfer.give(kMove, 0, source, kFrom).ok());
  ASSERT_TRUE(page_transfer.take(kMove, 0, target, {}).ok());
  EXPECT_TRUE(is_filled(target, 1, 5));
  EXPECT_EQ(page_transfer.num_parts_on_the_way(), 0);
}

TEST(LocalKvPageTransfer, WaitsForAnotherWorldsPart) {
  KvCache source(kTransferShape, 4);
  KvCache target(kTransferShape, 4);
  fill(source, 3, 1);
  fill(source, 0, 2);
  LocalKvPageTransfer page_transfer(60);
  std::thread taker([&] { EXPECT_TRUE(page_transfer.take(kMove, 0, target, kTo).ok()); });
  ASSERT_TRUE(page_transfer.give(kMove, 0, source, kFrom).ok());
  taker.join();
  EXPECT_TRUE(is_filled(target, 1, 1));
}

TEST(LocalKvPageTransfer, AMissingPartIsAnErrorThatNamesIt) {
  KvCache target(kTransferShape, 4);
  LocalKvPageTransfer page_transfer(0.01);
  EXPECT_EQ(page_transfer.take(kMove, 1, target, kTo).error().message,
            "rank 1 of group 1 waits for move 7 from group 0, longer than 0.01 s");
  LocalKvPageTransfer lost(60);
  std::thread taker([&] {
    EXPECT_EQ(lost.take(kMove, 1, target, kTo).error().message,
              "rank 1 of group 1 waits for move 7 from group 0: rank 2 is lost");
  });
  lost.abort(5, "another group, of which nothing is wanted");
  lost.abort(0, "rank 2 is lost");
  taker.join();
  EXPECT_FALSE(lost.take(kMove, 0, target, kTo).ok()) << "nor later";
}

}  // namespace
}  // namespace braid
