#include "braid/parallel/hand_over_room.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

namespace braid {
namespace {

TEST(HandOverRoom, EachBufferHasBytesOfItsOwn) {
  const auto room = HandOverRoom::make(8 * 4096).value();
  std::vector<Buffer> buffers;
  for (int i = 0; i < 4; ++i) {
    buffers.push_back(room->take(5000).value());
    std::memset(buffers.back().data(), i + 1, 5000);
  }
  EXPECT_FALSE(room->take(1).has_value()) << "each has two pages";
  const auto seen = SharedSegment::open(room->handle());
  ASSERT_TRUE(seen.ok()) << seen.error().message;
  for (size_t i = 0; i < buffers.size(); ++i) {
    const auto offset = room->offset_of(buffers[i]);
    ASSERT_TRUE(offset.has_value());
    const auto data = seen->memory().subspan(static_cast<size_t>(*offset), 5000);
    EXPECT_TRUE(std::ranges::all_of(data, [&](std::byte one) { return one == static_cast<std::byte>(i + 1); }));
  }
}

TEST(HandOverRoom, KnowsItsBuffersFromOthers) {
  const auto room = HandOverRoom::make(4096).value();
  const auto other = HandOverRoom::make(4096).value();
  EXPECT_EQ(room->offset_of(room->take(1).value()), 0);
  EXPECT_EQ(room->offset_of(other->take(1).value()), std::nullopt);
  EXPECT_EQ(room->offset_of(Buffer(4096)), std::nullopt);
}

TEST(HandOverRoom, WhatComesBackIsOneRoomAgain) {
  constexpr int64_t kPages = 64;
  const auto room = HandOverRoom::make(kPages * 4096).value();
  std::mt19937 random(5);
  std::vector<Buffer> buffers;
  for (int i = 0; i < 2000; ++i) {
    if (auto buffer = room->take(static_cast<int64_t>(random() % 20'000 + 1))) buffers.push_back(*std::move(buffer));
    std::ranges::shuffle(buffers, random);
    if (random() % 3 == 0 && !buffers.empty()) buffers.pop_back();
    if (i % 100 != 99) continue;
    buffers.clear();
    EXPECT_TRUE(room->take(kPages * 4096).has_value());
  }
}

TEST(HandOverRoom, ABufferMayOutliveIt) {
  auto room = HandOverRoom::make(4096).value();
  const Buffer buffer = room->take(4096).value();
  room.reset();
  std::memset(buffer.data(), 1, 4096);
  EXPECT_EQ(buffer.data()[4095], std::byte{1});
}

TEST(HandOverRoom, MoreThanThereIsIsAnError) {
  EXPECT_FALSE(HandOverRoom::make(int64_t{1} << 50).ok());
}

}  // namespace
}  // namespace braid
