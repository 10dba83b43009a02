#include "braid/parallel/shared_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace braid {
namespace {

constexpr size_t kRingSlot = 256;
constexpr uint64_t kNumSlots = 8;

// Both ends in this process, over the same memory.
class SharedRingTest : public ::testing::Test {
 protected:
  struct alignas(64) Line {
    std::byte bytes[64] = {};
  };

  static std::span<std::byte> bytes_of(std::vector<Line>& lines) {
    return {lines.data()->bytes, lines.size() * sizeof(Line)};
  }

  std::vector<Line> ring_ = std::vector<Line>(ring_bytes(kRingSlot) / sizeof(Line));
  std::vector<Line> lines_ = std::vector<Line>(kRingReaderBytes / sizeof(Line));
  RingWriter writer_{bytes_of(ring_), bytes_of(lines_), kRingSlot};
  RingReader reader_{bytes_of(ring_), bytes_of(lines_), kRingSlot};
};

std::vector<std::byte> numbers(size_t size, uint64_t seed) {
  std::vector<std::byte> data(size);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<std::byte>(i / 3 + seed);
  return data;
}

OpRecord ring_call(int64_t step) {
  return {.step = step, .op = 7, .kind = OpKind::kReduceScatterV, .is_group = true, .bytes = 1'000'000'007, .peer = -1};
}

TEST_F(SharedRingTest, BringsMessagesInOrder) {
  EXPECT_FALSE(reader_.has_next());
  for (const size_t size : {0UL, 1UL, 16UL, 17UL, 255UL, 256UL}) {
    const auto data = numbers(size, size);
    ASSERT_TRUE(writer_.try_send(ring_call(static_cast<int64_t>(size)), data));
  }
  ASSERT_TRUE(writer_.try_announce(ring_call(1), 5'000'000, 99));
  for (const size_t size : {0UL, 1UL, 16UL, 17UL, 255UL, 256UL}) {
    ASSERT_TRUE(reader_.has_next());
    const auto message = reader_.take();
    ASSERT_TRUE(message.ok()) << message.error().message;
    EXPECT_TRUE(message->call.is_same_call(ring_call(static_cast<int64_t>(size))) && message->call.is_group);
    EXPECT_EQ(message->tag, -1);
    EXPECT_EQ(message->num_bytes, static_cast<int64_t>(size));
    EXPECT_TRUE(std::ranges::equal(message->data, numbers(size, size)));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(message->data.data()) % 16, 0) << "sums are read where they lie";
  }
  const auto head = reader_.take();
  EXPECT_EQ(head->tag, 99);
  EXPECT_EQ(head->num_bytes, 5'000'000);
  EXPECT_TRUE(head->data.empty());
  EXPECT_FALSE(reader_.has_next());
}

TEST_F(SharedRingTest, TooLongIsNotSent) {
  EXPECT_FALSE(writer_.try_send(ring_call(1), numbers(kRingSlot + 1, 0)));
  EXPECT_FALSE(reader_.has_next());
  EXPECT_TRUE(writer_.try_send(ring_call(2), {}));
  EXPECT_EQ(reader_.take()->call.step, 2);
}

TEST_F(SharedRingTest, WhatGoesAnotherWayKeepsItsPlace) {
  int64_t sent = 0;
  while (writer_.try_send(ring_call(sent), {})) ++sent;
  EXPECT_EQ(sent, kNumSlots);
  EXPECT_FALSE(writer_.try_announce(ring_call(sent), 1, 1)) << "no slot for it either";
  writer_.pass();  // message 8
  for (int64_t step = 0; step < 3; ++step) EXPECT_EQ(reader_.take()->call.step, step);
  ASSERT_TRUE(writer_.try_send(ring_call(9), numbers(4, 9))) << "two slots are free: the last one's data are in use";
  ASSERT_TRUE(writer_.try_send(ring_call(10), {}));
  EXPECT_FALSE(writer_.try_send(ring_call(11), {}));
  for (int64_t step = 3; step < sent; ++step) EXPECT_EQ(reader_.take()->call.step, step);
  EXPECT_FALSE(reader_.has_next()) << "message 8 comes first";
  reader_.pass();
  ASSERT_TRUE(reader_.has_next());
  EXPECT_EQ(reader_.take()->call.step, 9);
  EXPECT_EQ(reader_.take()->call.step, 10);
}

TEST_F(SharedRingTest, WhatIsNoMessageIsAnError) {
  std::memset(ring_.data()->bytes, 0xff, sizeof(Line));
  const uint64_t number = 1;
  std::memcpy(ring_.data()->bytes, &number, sizeof(number));
  ASSERT_TRUE(reader_.has_next());
  const auto message = reader_.take();
  ASSERT_FALSE(message.ok());
  EXPECT_EQ(message.error().message, "-1 bytes of operation 255 that are no message");
}

TEST_F(SharedRingTest, TwoThreadsOfUnequalSpeedLoseNothing) {
  constexpr uint64_t kMessages = 20'000;
  std::thread sender([&] {
    std::mt19937 random(3);
    for (uint64_t i = 0; i < kMessages; ++i) {
      const auto data = numbers(random() % (kRingSlot + 1), i);
      while (!writer_.try_send(ring_call(static_cast<int64_t>(i)), data)) std::this_thread::yield();
      if (random() % 1000 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  std::mt19937 random(3);
  for (uint64_t i = 0; i < kMessages; ++i) {
    while (!reader_.has_next()) reader_.wait(0.01);
    const auto message = reader_.take();
    ASSERT_TRUE(message.ok());
    ASSERT_EQ(message->call.step, static_cast<int64_t>(i));
    ASSERT_TRUE(std::ranges::equal(message->data, numbers(random() % (kRingSlot + 1), i))) << i;
    if (random() % 1000 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  sender.join();
}

TEST_F(SharedRingTest, AMessageOrAWakeEndsASleep) {
  for (const bool is_message : {true, false}) {
    std::atomic<bool> has_woken{false};
    std::thread sleeper([&] {
      reader_.wait(1e6);
      has_woken.store(true);
    });
    // One that comes just before the sleep is missed, so until the sleeper sleeps.
    while (!has_woken.load()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      is_message ? static_cast<void>(writer_.try_send(ring_call(1), {})) : reader_.wake();
    }
    sleeper.join();
    while (reader_.has_next()) {
      ASSERT_TRUE(reader_.take().ok());
    }
  }
}

}  // namespace
}  // namespace braid
