#include "braid/parallel/bundle_queue.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

constexpr IndexRange kSenders{.begin = 4, .end = 6};
constexpr IndexRange kReceivers{.begin = 1, .end = 3};

std::vector<std::byte> bytes_of_value(uint8_t value) {
  return std::vector<std::byte>(3, std::byte{value});
}

TEST(BundleQueue, TheLastRankToLendGetsTheBundle) {
  BytePool pool;
  BundleQueue queue(kSenders, kReceivers, pool);
  const auto a = bytes_of_value(1);
  const auto b = bytes_of_value(2);
  const auto c = bytes_of_value(3);
  EXPECT_FALSE(queue.lend({.step = 1}, 5, 2, a).has_value());
  EXPECT_FALSE(queue.lend({.step = 1}, 5, 1, b).has_value());
  EXPECT_FALSE(queue.is_settled(5));
  EXPECT_TRUE(queue.is_settled(4));
  EXPECT_FALSE(queue.lend({.step = 2}, 5, 1, c).has_value());  // its next operation, before the other has begun one
  EXPECT_FALSE(queue.lend({.step = 1}, 4, 1, {}).has_value());
  const auto bundle = queue.lend({.step = 1}, 4, 2, c);
  ASSERT_TRUE(bundle.has_value());
  const auto parts = decode_bundle({bundle->bytes.get(), bundle->size}, 2, 2);
  ASSERT_TRUE(parts.ok());
  EXPECT_TRUE((*parts)[0].pieces[0].empty());
  EXPECT_EQ((*parts)[0].pieces[1][0], std::byte{3});
  EXPECT_EQ((*parts)[1].pieces[0][0], std::byte{2});
  EXPECT_EQ((*parts)[1].pieces[1][0], std::byte{1});
  EXPECT_TRUE(queue.is_settled(4));
  EXPECT_FALSE(queue.is_settled(5));  // of its second operation
}

TEST(BundleQueue, NothingOfARankThatLeavesIsRead) {
  BytePool pool;
  BundleQueue queue(kSenders, kReceivers, pool);
  {
    const std::vector<std::byte> gone(100'000);
    queue.lend({}, 4, 1, gone);
    queue.lend({}, 4, 2, gone);
    queue.withdraw(4);
  }
  EXPECT_FALSE(queue.lend({}, 5, 1, {}).has_value());
  EXPECT_FALSE(queue.lend({}, 5, 2, {}).has_value());
}

}  // namespace
}  // namespace braid
