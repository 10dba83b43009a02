#include "braid/kv/kv_cache.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace braid {
namespace {

const KvShape kShape{.num_layers = 3, .num_kv_heads = 2, .head_dim = 8, .dtype = DType::kBFloat16, .page_size = 16};
constexpr int64_t kPageBytes = 2 * 2 * 3 * 2 * 8 * 16;  // K and V, bytes, layers, heads, head_dim, tokens

TEST(KvCache, BytesPerTokenCountKeysAndValuesOfAllLayers) {
  EXPECT_EQ(kv_bytes_per_token(kShape).value(), 2 * 2 * 3 * 2 * 8);
  KvShape shape = kShape;
  shape.dtype = DType::kFloat32;
  EXPECT_EQ(kv_bytes_per_token(shape).value(), 2 * 4 * 3 * 2 * 8);
}

TEST(KvCache, ACodeTakesAByteAndItsTokensScaleTwo) {
  for (const KvCodes codes : {KvCodes::kInt8, KvCodes::kE4m3}) {
    KvShape shape = kShape;
    shape.codes = codes;
    EXPECT_EQ(kv_bytes_per_token(shape).value(), 2 * 3 * 2 * (8 + 2));
    EXPECT_EQ(KvCache(shape, 10).reserved_bytes(), 10 * 16 * kv_bytes_per_token(shape).value());
    shape.dtype = DType::kFloat32;
    EXPECT_FALSE(kv_bytes_per_token(shape).ok());
  }
}

TEST(KvCache, AbsurdShapesAreErrors) {
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

TEST(KvCache, ReservesAllPagesAndCommitsUsedOnes) {
  ThreadTeam team(2);
  KvCache cache(kShape, 1000);
  EXPECT_EQ(cache.num_layers(), 3);
  EXPECT_EQ(cache.reserved_bytes(), 1000 * kPageBytes);
  EXPECT_EQ(cache.committed_bytes(), 0);
  auto* keys = reinterpret_cast<uint8_t*>(cache.layer(2).keys);
  keys[0] = 42;
  const PageId pages[] = {7, 999, 7};
  cache.commit(team, pages);
  EXPECT_EQ(cache.committed_bytes(), 2 * kPageBytes);
  auto* page = cache.layer(2).keys + 7 * cache.layer(2).page_bytes();
  page[0] = std::byte{9};
  cache.commit(team, pages);
  EXPECT_EQ(page[0], std::byte{9});
  EXPECT_EQ(keys[0], 42);
}

TEST(KvCache, LayersOfAKvGroupHaveItsPages) {
  KvShape shape = kShape;
  shape.windows = {0, 32, 32};
  const std::vector<KvGroupPool> pools = {{.num_pages = 100}, {.window = 32, .num_pages = 10}};
  ThreadTeam team(2);
  KvCache cache(shape, pools);
  EXPECT_EQ(cache.num_pages(0), 100);
  EXPECT_EQ(cache.num_pages(1), 10);
  EXPECT_EQ(cache.reserved_bytes(), (100 + 2 * 10) * kPageBytes / 3);
  const PageId pages[] = {9, 3};
  cache.commit(team, pages, 1);
  EXPECT_EQ(cache.committed_bytes(), 2 * 2 * kPageBytes / 3);
  cache.commit(team, pages, 0);
  EXPECT_EQ(cache.committed_bytes(), 2 * kPageBytes);
  EXPECT_EQ(kv_bytes_kept_per_token(shape).value(), kPageBytes / 16 / 3);
  shape.windows = {16, 32, 32};
  EXPECT_EQ(kv_bytes_kept_per_token(shape).value(), 0);
  EXPECT_EQ(kv_bytes_kept_per_token(kShape).value(), kPageBytes / 16);
}

TEST(KvCache, CommitAheadKeepsKvGroupsInStep) {
  constexpr int64_t kPiece = CommittedPages::kPieceBytes;
  KvShape shape = kShape;
  shape.num_kv_heads = 8;
  shape.head_dim = 128;  // 64 pages of 32 KB to a piece
  shape.windows = {0, 32, 32};
  const std::vector<KvGroupPool> pools = {{.num_pages = 640}, {.window = 32, .num_pages = 160}};
  ThreadTeam team(2);
  KvCache cache(shape, pools);
  // One piece of the first KV group's keys and values, then one of each of the second's two layers.
  EXPECT_TRUE(cache.commit_ahead(team, 6 * kPiece, 2 * kPiece));
  EXPECT_EQ(cache.committed_bytes(), 6 * kPiece);
  EXPECT_TRUE(cache.commit_ahead(team, 6 * kPiece, 2 * kPiece));
  EXPECT_FALSE(cache.commit_ahead(team, kPiece, 2 * kPiece)) << "all have their lead";
  EXPECT_EQ(cache.committed_bytes(), 12 * kPiece);
  EXPECT_TRUE(cache.commit_ahead(team, kPiece - 1, 3 * kPiece)) << "less than a piece is nothing";
  while (cache.commit_ahead(team, 100 * kPiece, 8 * kPiece)) {
  }
  EXPECT_EQ(cache.committed_bytes(), (2 * 8 + 4) * kPiece + 4 * kPiece * 3 / 2) << "the smaller group to its end";
}

}  // namespace
}  // namespace braid
