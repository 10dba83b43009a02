#include "braid/kv/pool_size.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace braid {
namespace {

const KvShape kPoolShape{.num_layers = 3, .num_kv_heads = 2, .head_dim = 8, .dtype = DType::kBFloat16, .page_size = 16};
constexpr int64_t kPoolPageBytes = 2 * 2 * 3 * 2 * 8 * 16;  // K and V, bytes, layers, heads, head_dim, tokens

TEST(PoolSize, TakesTheLeastOfMemoryTokensAndWhatRequestsCanUse) {
  const PoolLimits limits{
      .memory_bytes = 100 * kPoolPageBytes + 5, .max_total_tokens = 0, .max_running_requests = 10, .context_len = 1000};
  EXPECT_EQ(size_pool(kPoolShape, limits).value().num_pages, 100);
  EXPECT_EQ(size_pool(kPoolShape, limits).value().bytes, 100 * kPoolPageBytes);
  PoolLimits fewer = limits;
  fewer.max_total_tokens = 335;
  EXPECT_EQ(size_pool(kPoolShape, fewer).value().num_pages, 20);
  fewer = limits;
  fewer.context_len = 33;
  fewer.max_running_requests = 4;
  EXPECT_EQ(size_pool(kPoolShape, fewer).value().num_pages, 12);
}

TEST(PoolSize, ClampsTheContextToWhatThePoolHolds) {
  PoolLimits limits{
      .memory_bytes = 10 * kPoolPageBytes, .max_total_tokens = 0, .max_running_requests = 4, .context_len = 160};
  EXPECT_EQ(size_pool(kPoolShape, limits).value().context_len, 160);
  EXPECT_FALSE(size_pool(kPoolShape, limits).value().context_was_clamped);
  limits.context_len = 161;
  EXPECT_EQ(size_pool(kPoolShape, limits).value().context_len, 160);
  EXPECT_TRUE(size_pool(kPoolShape, limits).value().context_was_clamped);
}

TEST(PoolSize, ImpossibleLimitsAreErrorsWithTheirNumbers) {
  PoolLimits limits{
      .memory_bytes = kPoolPageBytes - 1, .max_total_tokens = 0, .max_running_requests = 4, .context_len = 160};
  EXPECT_EQ(size_pool(kPoolShape, limits).error().message,
            "3071 bytes are left for the KV cache, one page of 16 tokens takes 3072 (--kv-cache-memory-bytes, "
            "--mem-fraction-static)");
  limits.memory_bytes = -5;
  EXPECT_FALSE(size_pool(kPoolShape, limits).ok());
  limits.memory_bytes = std::numeric_limits<int64_t>::max();
  limits.context_len = std::numeric_limits<int64_t>::max();
  EXPECT_TRUE(size_pool(kPoolShape, limits).ok());  // the range of page numbers ends before the memory does
  limits.max_total_tokens = 15;
  EXPECT_FALSE(size_pool(kPoolShape, limits).ok());
  limits = {.memory_bytes = kPoolPageBytes, .max_total_tokens = 0, .max_running_requests = 0, .context_len = 160};
  EXPECT_FALSE(size_pool(kPoolShape, limits).ok());
  limits.max_running_requests = 1;
  KvShape shape = kPoolShape;
  shape.page_size = 24;
  EXPECT_FALSE(size_pool(shape, limits).ok());
}

// One layer that sees all positions, two with a window.
KvShape with_windows(int32_t window) {
  KvShape shape = kPoolShape;
  shape.windows = {window, 0, window};
  return shape;
}

TEST(PoolSize, AWindowedKvGroupGetsHalfAsManyPagesAsTheWidestIfMemoryIsShort) {
  const PoolLimits limits{.memory_bytes = 100 * kPoolPageBytes,
                          .max_running_requests = 100,
                          .context_len = 100'000,
                          .chunked_prefill_size = 32};
  const PoolSize size = size_pool(with_windows(100), limits).value();
  EXPECT_EQ(size.kv_groups, (std::vector<KvGroupPool>{{.num_pages = 150}, {.window = 100, .num_pages = 75}}));
  EXPECT_EQ(size.num_pages, 150);
  EXPECT_EQ(size.bytes, 150 * kPoolPageBytes / 3 + 75 * kPoolPageBytes * 2 / 3);
  EXPECT_LE(size.bytes, limits.memory_bytes);
  EXPECT_EQ(size.context_len, 150 * 16);
}

TEST(PoolSize, AWindowedKvGroupGetsAtMostTwiceWhatRequestsHold) {
  const PoolLimits limits{.memory_bytes = 1000 * kPoolPageBytes,
                          .max_running_requests = 4,
                          .context_len = 16'000,
                          .chunked_prefill_size = 32};
  const PoolSize size = size_pool(with_windows(33), limits).value();
  // 3 pages for each request while it decodes, as many for prefixes, and 5 for a step of 32 tokens.
  EXPECT_EQ(size.kv_groups[1], (KvGroupPool{.window = 33, .num_pages = 4 * 6 + 5}));
  EXPECT_EQ(size.kv_groups[0].num_pages, 3000 - 2 * (4 * 6 + 5));
  EXPECT_EQ(size.context_len, 16'000);
}

TEST(PoolSize, OneRequestAloneAlwaysFits) {
  for (const int64_t pages : {1, 2, 5, 9, 10, 30}) {
    for (const int32_t window : {1, 16, 100, 1000}) {
      const PoolLimits limits{.memory_bytes = pages * kPoolPageBytes,
                              .max_running_requests = 4,
                              .context_len = 4000,
                              .chunked_prefill_size = 64};
      for (const bool sees_all : {false, true}) {
        KvShape shape = with_windows(window);
        if (!sees_all) shape.windows[1] = window;
        const PoolSize size = size_pool(shape, limits).value();
        EXPECT_LE(size.bytes, limits.memory_bytes);
        for (const KvGroupPool& kv_group : size.kv_groups) {
          EXPECT_GE(kv_group.num_pages, 1);
          const int64_t context_pages = (size.context_len + 15) / 16;
          const int64_t needed =
              kv_group.window == 0 ? context_pages : std::min(context_pages, most_kept_pages(kv_group.window, 64, 16));
          EXPECT_GE(kv_group.num_pages, needed) << pages << " pages, window " << window;
        }
      }
    }
  }
}

TEST(PoolSize, IfEveryLayerHasAWindowThePoolDoesNotBoundTheContext) {
  KvShape shape = kPoolShape;
  shape.windows = {100, 100, 100};
  const PoolLimits limits{.memory_bytes = 20 * kPoolPageBytes,
                          .max_running_requests = 10,
                          .context_len = 1'000'000,
                          .chunked_prefill_size = 32};
  const PoolSize size = size_pool(shape, limits).value();
  EXPECT_EQ(size.kv_groups, (std::vector<KvGroupPool>{{.window = 100, .num_pages = 20}}));
  EXPECT_EQ(size.context_len, 1'000'000);
  EXPECT_FALSE(size.context_was_clamped);
}

}  // namespace
}  // namespace braid
