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

const MovedPages kLeaving{.move = kMove, .pages = {{3, 0}}};
const MovedPages kArriving{.move = kMove, .pages = {{1, 2}}};
const MovedPages kDropped{.move = kMove};

TEST(LocalKvPageTransfer, TakesEachRanksPagesAsTheyWereWhenGiven) {
  ThreadTeam team(2);
  KvCache source(kTransferShape, 4);
  KvCache target(kTransferShape, 4);
  fill(source, 3, 30);
  fill(source, 0, 10);
  LocalKvPageTransfer page_transfer(1);
  ASSERT_TRUE(page_transfer.give(kLeaving, 0, team, source).ok());
  fill(source, 3, 77);
  ASSERT_TRUE(page_transfer.give(kLeaving, 1, team, source).ok());
  ASSERT_TRUE(page_transfer.take(kArriving, 0, team, target).ok());
  EXPECT_TRUE(is_filled(target, 1, 30));
  EXPECT_TRUE(is_filled(target, 2, 10));
  ASSERT_TRUE(page_transfer.take(kArriving, 1, team, target).ok());
  EXPECT_TRUE(is_filled(target, 1, 77));
  EXPECT_EQ(page_transfer.num_parts_on_the_way(), 0);
}

TEST(LocalKvPageTransfer, TakingIntoNoPagesDropsTheCopy) {
  ThreadTeam team(2);
  KvCache source(kTransferShape, 4);
  KvCache target(kTransferShape, 4);
  fill(target, 1, 5);
  LocalKvPageTransfer page_transfer(1);
  ASSERT_TRUE(page_transfer.give(kLeaving, 0, team, source).ok());
  ASSERT_TRUE(page_transfer.take(kDropped, 0, team, target).ok());
  EXPECT_TRUE(is_filled(target, 1, 5));
  EXPECT_EQ(page_transfer.num_parts_on_the_way(), 0);
}

TEST(LocalKvPageTransfer, PiecesOfAMoveAreTakenInAnyOrder) {
  ThreadTeam team(2);
  KvCache source(kTransferShape, 4);
  KvCache target(kTransferShape, 4);
  fill(source, 3, 30);
  fill(source, 0, 10);
  LocalKvPageTransfer page_transfer(1);
  ASSERT_TRUE(page_transfer.give({.move = kMove, .piece = 0, .pages = {{3}}}, 0, team, source).ok());
  ASSERT_TRUE(page_transfer.give({.move = kMove, .piece = 1, .pages = {{0}}}, 0, team, source).ok());
  EXPECT_EQ(page_transfer.num_parts_on_the_way(), 2);
  ASSERT_TRUE(page_transfer.take({.move = kMove, .piece = 1, .pages = {{1}}}, 0, team, target).ok());
  ASSERT_TRUE(page_transfer.take({.move = kMove, .piece = 0, .pages = {{2}}}, 0, team, target).ok());
  EXPECT_TRUE(is_filled(target, 1, 10));
  EXPECT_TRUE(is_filled(target, 2, 30));
  EXPECT_EQ(page_transfer.num_parts_on_the_way(), 0);
}

TEST(LocalKvPageTransfer, WaitsForAnotherWorldsPart) {
  ThreadTeam team(2);
  KvCache source(kTransferShape, 4);
  KvCache target(kTransferShape, 4);
  fill(source, 3, 1);
  fill(source, 0, 2);
  LocalKvPageTransfer page_transfer(60);
  std::thread taker([&] {
    ThreadTeam own(1);
    EXPECT_TRUE(page_transfer.take(kArriving, 0, own, target).ok());
  });
  ASSERT_TRUE(page_transfer.give(kLeaving, 0, team, source).ok());
  taker.join();
  EXPECT_TRUE(is_filled(target, 1, 1));
}

TEST(LocalKvPageTransfer, AMissingPartIsAnErrorThatNamesIt) {
  ThreadTeam team(2);
  KvCache target(kTransferShape, 4);
  LocalKvPageTransfer page_transfer(0.01);
  EXPECT_EQ(page_transfer.take(kArriving, 1, team, target).error().message,
            "rank 1 of group 1 waits for piece 0 of move 7 from group 0, longer than 0.01 s");
  LocalKvPageTransfer lost(60);
  std::thread taker([&] {
    EXPECT_EQ(lost.take(kArriving, 1, team, target).error().message,
              "rank 1 of group 1 waits for piece 0 of move 7 from group 0: rank 2 is lost");
  });
  lost.abort(5, "another group, of which nothing is wanted");
  lost.abort(0, "rank 2 is lost");
  taker.join();
  EXPECT_FALSE(lost.take(kArriving, 0, team, target).ok()) << "nor later";
}

}  // namespace
}  // namespace braid
