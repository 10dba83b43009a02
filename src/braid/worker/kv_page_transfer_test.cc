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

const MovedPages kLeaving{.move = kMove, .pages = {{3, 0}}};
const MovedPages kArriving{.move = kMove, .pages = {{1, 2}}};
const MovedPages kDropped{.move = kMove};

// Page 3 of the source is filled with 30, page 0 with 10.
class LocalKvPageTransferTest : public ::testing::Test {
 protected:
  LocalKvPageTransferTest() {
    fill(source_, 3, 30);
    fill(source_, 0, 10);
  }

  static void fill(KvCache& cache, PageId page, int value) {
    cache.mark_committed(std::span(&page, 1));
    for (int32_t layer = 0; layer < cache.num_layers(); ++layer) {
      std::memset(cache.layer(layer).keys + page * kTransferPage, value, kTransferPage);
      std::memset(cache.layer(layer).values + page * kTransferPage, value + 1, kTransferPage);
    }
  }
  bool is_filled(PageId page, int value) const {  // of the target
    for (int32_t layer = 0; layer < target_.num_layers(); ++layer) {
      for (int64_t i = 0; i < kTransferPage; ++i) {
        if (target_.layer(layer).keys[page * kTransferPage + i] != static_cast<std::byte>(value)) return false;
        if (target_.layer(layer).values[page * kTransferPage + i] != static_cast<std::byte>(value + 1)) return false;
      }
    }
    return true;
  }
  void give(const MovedPages& piece, int32_t rank = 0) {
    ASSERT_TRUE(page_transfer_.give(piece, rank, team_, source_).ok());
  }
  void take(const MovedPages& piece, int32_t rank = 0) {
    ASSERT_TRUE(page_transfer_.take(piece, rank, team_, target_).ok());
  }

  ThreadTeam team_{2};
  KvCache source_{kTransferShape, 4};
  KvCache target_{kTransferShape, 4};
  LocalKvPageTransfer page_transfer_{60};
};

TEST_F(LocalKvPageTransferTest, TakesEachRanksPagesAsTheyWereWhenGiven) {
  give(kLeaving, 0);
  fill(source_, 3, 77);
  give(kLeaving, 1);
  take(kArriving, 0);
  EXPECT_TRUE(is_filled(1, 30));
  EXPECT_TRUE(is_filled(2, 10));
  take(kArriving, 1);
  EXPECT_TRUE(is_filled(1, 77));
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 0);
}

TEST_F(LocalKvPageTransferTest, TakingIntoNoPagesDropsTheCopy) {
  fill(target_, 1, 5);
  give(kLeaving);
  take(kDropped);
  EXPECT_TRUE(is_filled(1, 5));
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 0);
}

TEST_F(LocalKvPageTransferTest, PiecesOfAMoveAreTakenInAnyOrder) {
  give({.move = kMove, .piece = 0, .pages = {{3}}});
  give({.move = kMove, .piece = 1, .pages = {{0}}});
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 2);
  take({.move = kMove, .piece = 1, .pages = {{1}}});
  take({.move = kMove, .piece = 0, .pages = {{2}}});
  EXPECT_TRUE(is_filled(1, 10));
  EXPECT_TRUE(is_filled(2, 30));
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 0);
}

TEST_F(LocalKvPageTransferTest, WaitsForAnotherWorldsPart) {
  std::thread taker([&] {
    ThreadTeam own(1);
    EXPECT_TRUE(page_transfer_.take(kArriving, 0, own, target_).ok());
  });
  give(kLeaving);
  taker.join();
  EXPECT_TRUE(is_filled(1, 30));
}

TEST_F(LocalKvPageTransferTest, AMissingPartIsAnErrorThatNamesIt) {
  LocalKvPageTransfer impatient(0.01);
  EXPECT_EQ(impatient.take(kArriving, 1, team_, target_).error().message,
            "rank 1 of group 1 waits for piece 0 of move 7 from group 0, longer than 0.01 s");
  std::thread taker([&] {
    ThreadTeam own(1);
    EXPECT_EQ(page_transfer_.take(kArriving, 1, own, target_).error().message,
              "rank 1 of group 1 waits for piece 0 of move 7 from group 0: rank 2 is lost");
  });
  page_transfer_.abort(5, "another group, of which nothing is wanted");
  page_transfer_.abort(0, "rank 2 is lost");
  taker.join();
  EXPECT_FALSE(page_transfer_.take(kArriving, 0, team_, target_).ok()) << "nor later";
}

TEST_F(LocalKvPageTransferTest, WhatALostGroupLeavesToNobodyIsDroppedNowAndLater) {
  const auto piece = [](MoveId id, int32_t from_group, int32_t to_group, int32_t number) {
    return MovedPages{.move = {.id = id, .from_group = from_group, .to_group = to_group, .num_pages = 2},
                      .piece = number,
                      .pages = {{3}}};
  };
  for (const MovedPages& given : {piece(1, 0, 1, 0), piece(2, 1, 2, 0), piece(3, 1, 2, 0), piece(4, 2, 0, 0)}) {
    give(given);
  }
  const std::vector<MoveId> begun = {2};
  page_transfer_.lose(1, begun, 5);
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 2) << "move 3 had come to its end, and move 4 is of other groups";
  give(piece(1, 0, 1, 1));
  give(piece(2, 1, 2, 1));  // the lost group's rank wakes up
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 2);
  take(piece(3, 1, 2, 0));
  give(piece(4, 2, 0, 1));
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 2);
}

TEST_F(LocalKvPageTransferTest, AGroupThatStartsAgainGivesAndTakesLaterMovesAlone) {
  const auto piece = [](MoveId id, int32_t from_group, int32_t to_group) {
    return MovedPages{.move = {.id = id, .from_group = from_group, .to_group = to_group, .num_pages = 2},
                      .pages = {{3}}};
  };
  page_transfer_.abort(1, "rank 2 is lost");
  page_transfer_.lose(1, {}, 5);
  page_transfer_.restart(1, 5);
  give(piece(4, 0, 1));
  EXPECT_EQ(page_transfer_.num_parts_on_the_way(), 0) << "it was ordered before the loss";
  give(piece(5, 0, 1));
  take(piece(5, 0, 1));
  EXPECT_EQ(page_transfer_.take(piece(4, 1, 0), 0, team_, target_).error().message,
            "rank 0 of group 0 waits for piece 0 of move 4 from group 1: rank 2 is lost");
  give(piece(6, 1, 0));
  take(piece(6, 1, 0));
  page_transfer_.abort(1, "rank 2 is lost again");
  EXPECT_FALSE(page_transfer_.take(piece(7, 1, 0), 0, team_, target_).ok());
}

}  // namespace
}  // namespace braid
