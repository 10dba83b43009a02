#include "braid/parallel/byte_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace braid {
namespace {

TEST(BytePool, WhatComesBackIsUsedAgain) {
  BytePool pool;
  const std::byte* first = nullptr;
  {
    const auto block = pool.take(100'000);
    first = block.get();
    std::memset(block.get(), 1, 100'000);
    EXPECT_NE(pool.take(100'000).get(), first);  // both are in use
  }
  bool is_used_again = false;
  std::vector<std::shared_ptr<std::byte>> blocks;
  for (int i = 0; i < 2; ++i) {
    blocks.push_back(pool.take(70'000));  // the same power of two
    is_used_again = is_used_again || blocks.back().get() == first;
  }
  EXPECT_TRUE(is_used_again);
}

TEST(BytePool, EverySizeHasRoom) {
  BytePool pool;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{4097}, size_t{1} << 20, (size_t{1} << 20) + 1}) {
    const auto block = pool.take(size);
    std::memset(block.get(), 1, size);  // a sanitizer sees what is beyond the end
  }
}

TEST(BytePool, BlocksOutliveThePool) {
  auto pool = std::make_unique<BytePool>();
  const auto block = pool->take(10);
  pool.reset();
  std::memset(block.get(), 1, 10);
}

}  // namespace
}  // namespace braid
