#include "braid/kv/kv_cache.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace braid {
namespace {

const KvShape kShape{.num_layers = 3, .num_kv_heads = 2, .head_dim = 8, .dtype = DType::kBFloat16, .page_size = 16};
constexpr int64_t kPageBytes = 2 * 2 * 3 * 2 * 8 * 16;  // K and V, bytes, layers, heads, head_dim, tokens

TEST(KvBytesPerToken, CountsKeysAndValuesOfAllLayers) {
  EXPECT_EQ(kv_bytes_per_token(kShape).value(), 2 * 2 * 3 * 2 * 8);
  KvShape shape = kShape;
  shape.dtype = DType::kFloat32;
  EXPECT_EQ(kv_bytes_per_token(shape).value(), 2 * 4 * 3 * 2 * 8);
}

TEST(KvBytesPerToken, AbsurdShapesAreErrors) {
  KvShape shape = kShape;
  shape.num_layers = shape.num_kv_heads = shape.head_dim = std::numeric_limits<int32_t>::max();
  EXPECT_NE(kv_bytes_per_token(shape).error().message.find("64 bits"), std::string::npos);
  shape = kShape;
  shape.num_kv_heads = 0;
  EXPECT_FALSE(kv_bytes_per_token(shape).ok());
  shape = kShape;
  shape.dtype = DType::kFloat16;
  EXPECT_FALSE(kv_bytes_per_token(shape).ok());
}

TEST(SizePool, IsTheLeastOfMemoryTokensAndWhatRequestsCanUse) {
  const PoolLimits limits{
      .memory_bytes = 100 * kPageBytes + 5, .max_total_tokens = 0, .max_running_requests = 10, .context_len = 1000};
  EXPECT_EQ(size_pool(kShape, limits).value().num_pages, 100);
  EXPECT_EQ(size_pool(kShape, limits).value().bytes, 100 * kPageBytes);
  PoolLimits fewer = limits;
  fewer.max_total_tokens = 335;
  EXPECT_EQ(size_pool(kShape, fewer).value().num_pages, 20);
  fewer = limits;
  fewer.context_len = 33;
  fewer.max_running_requests = 4;
  EXPECT_EQ(size_pool(kShape, fewer).value().num_pages, 12);
}

TEST(SizePool, ClampsTheContextToWhatThePoolHolds) {
  PoolLimits limits{
      .memory_bytes = 10 * kPageBytes, .max_total_tokens = 0, .max_running_requests = 4, .context_len = 160};
  EXPECT_EQ(size_pool(kShape, limits).value().context_len, 160);
  EXPECT_FALSE(size_pool(kShape, limits).value().context_was_clamped);
  limits.context_len = 161;
  EXPECT_EQ(size_pool(kShape, limits).value().context_len, 160);
  EXPECT_TRUE(size_pool(kShape, limits).value().context_was_clamped);
}

TEST(SizePool, WhatCannotBeIsAnErrorWithItsNumbers) {
  PoolLimits limits{
      .memory_bytes = kPageBytes - 1, .max_total_tokens = 0, .max_running_requests = 4, .context_len = 160};
  EXPECT_EQ(size_pool(kShape, limits).error().message,
            "3071 bytes are left for the KV cache, one page of 16 tokens takes 3072 (--kv-cache-memory-bytes, "
            "--mem-fraction-static)");
  limits.memory_bytes = -5;
  EXPECT_FALSE(size_pool(kShape, limits).ok());
  limits.memory_bytes = std::numeric_limits<int64_t>::max();
  limits.context_len = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(size_pool(kShape, limits).ok());  // page numbers end before the memory does
  limits.max_total_tokens = 15;
  EXPECT_FALSE(size_pool(kShape, limits).ok());
  limits = {.memory_bytes = kPageBytes, .max_total_tokens = 0, .max_running_requests = 0, .context_len = 160};
  EXPECT_FALSE(size_pool(kShape, limits).ok());
  limits.max_running_requests = 1;
  KvShape shape = kShape;
  shape.page_size = 24;
  EXPECT_FALSE(size_pool(shape, limits).ok());
}

TEST(KvCache, ReservesAllAndCommitsWhatIsUsed) {
  KvCache cache(kShape, 1000);
  EXPECT_EQ(cache.num_layers(), 3);
  EXPECT_EQ(cache.reserved_bytes(), 1000 * kPageBytes);
  EXPECT_EQ(cache.committed_bytes(), 0);
  auto* keys = reinterpret_cast<uint8_t*>(cache.layer(2).keys);
  keys[0] = 42;
  const PageId pages[] = {7, 999, 7};
  cache.commit(pages);
  EXPECT_EQ(cache.committed_bytes(), 2 * kPageBytes);
  auto* page = cache.layer(2).keys + 7 * cache.layer(2).page_elements() * 2;
  page[0] = std::byte{9};
  cache.commit(pages);
  EXPECT_EQ(page[0], std::byte{9});
  EXPECT_EQ(keys[0], 42);
}

}  // namespace
}  // namespace braid
