#include "braid/worker/move_room.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

constexpr MoveRoomConfig kRoom{.max_pages = 100, .piece_pages = 4};

// A step in which this group and others compute.
void busy_step(MoveRoom& room, double compute_s, double page_s = 0, int64_t num_pages = 0) {
  room.see_step(10);
  const double move_s = page_s * static_cast<double>(num_pages);
  room.count_step(compute_s + move_s, move_s, num_pages);
}

TEST(MoveRoom, IsAllOfAStepThatDelaysNobody) {
  MoveRoom room(kRoom);
  EXPECT_EQ(room.pages(), 100) << "there was no step";
  busy_step(room, 0.02, 1e-4, 4);
  EXPECT_LT(room.pages(), 100);
  room.see_step(0);
  EXPECT_EQ(room.pages(), 100);
}

TEST(MoveRoom, IsOnePieceUntilItIsKnownWhatAPageTakes) {
  MoveRoom room(kRoom);
  busy_step(room, 0.02);
  EXPECT_EQ(room.pages(), 4);
  busy_step(room, 0.02, 0, 4);
  EXPECT_EQ(room.pages(), 100) << "pages that take no time";
}

TEST(MoveRoom, IsATwentiethOfTheShortestOfTheLastSteps) {
  MoveRoom room(kRoom);
  for (int i = 0; i < 8; ++i) busy_step(room, 0.02);
  busy_step(room, 0.5, 1e-4, 4);  // a prefill
  for (int i = 0; i < 2; ++i) room.see_step(10);
  EXPECT_EQ(room.pages(), 10) << "a millisecond";
  for (int i = 0; i < 8; ++i) busy_step(room, 0.04);
  EXPECT_EQ(room.pages(), 20);
  busy_step(room, 0.01);
  room.see_step(10);
  EXPECT_EQ(room.pages(), 5);
}

TEST(MoveRoom, StepsSaveForAPieceThatTakesMoreThanTheirShare) {
  MoveRoom room(kRoom);
  busy_step(room, 0.01, 1e-3, 4);  // 4 ms of a step of 10
  int num_pieces = 0;
  for (int i = 0; i < 16 + 80; ++i) {
    const bool has_piece = room.pages() >= kRoom.piece_pages;
    EXPECT_LT(room.pages(), 2 * kRoom.piece_pages);
    num_pieces += has_piece ? 1 : 0;
    busy_step(room, 0.01, 1e-3, has_piece ? 4 : 0);
  }
  EXPECT_EQ(num_pieces, 10) << "a twentieth of the time, after the first piece has been paid for";
}

// Or a group without requests of its own would never let its last sequence go.
TEST(MoveRoom, StepsOfOtherGroupsSaveToo) {
  MoveRoom room(kRoom);
  busy_step(room, 0.01, 1e-3, 4);
  EXPECT_LT(room.pages(), 4);
  for (int i = 0; i < 16; ++i) room.see_step(10);
  EXPECT_EQ(room.pages(), 4);
}

}  // namespace
}  // namespace braid
