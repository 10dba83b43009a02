#include "braid/kv/kv_transfer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace braid {
namespace {

constexpr KvShape kMovedShape{
    .num_layers = 3, .num_kv_heads = 2, .head_dim = 8, .dtype = DType::kFloat32, .page_size = 16};
constexpr int64_t kMovedPage = 2 * 8 * 16 * 4;

// Every byte of a page says where it is: layer, keys or values, place.
void fill(KvCache& cache, PageId page, int32_t seed) {
  cache.commit(std::span(&page, 1));
  for (int32_t layer = 0; layer < cache.num_layers(); ++layer) {
    for (int64_t i = 0; i < kMovedPage; ++i) {
      cache.layer(layer).keys[page * kMovedPage + i] = static_cast<std::byte>(seed + 7 * layer + i * 3);
      cache.layer(layer).values[page * kMovedPage + i] = static_cast<std::byte>(seed + 11 * layer + i * 5 + 1);
    }
  }
}

bool same_page(const KvCache& a, PageId in_a, const KvCache& b, PageId in_b) {
  for (int32_t layer = 0; layer < a.num_layers(); ++layer) {
    const auto same = [&](const std::byte* x, const std::byte* y) {
      return std::memcmp(x + in_a * kMovedPage, y + in_b * kMovedPage, kMovedPage) == 0;
    };
    if (!same(a.layer(layer).keys, b.layer(layer).keys) || !same(a.layer(layer).values, b.layer(layer).values)) {
      return false;
    }
  }
  return true;
}

TEST(KvTransfer, MovesPagesBitForBitWhereverTheyLie) {
  KvCache from(kMovedShape, 8);
  KvCache to(kMovedShape, 5);
  const std::vector<PageId> source = {6, 0, 3};
  const std::vector<PageId> target = {1, 4, 2};
  for (size_t i = 0; i < source.size(); ++i) fill(from, source[i], static_cast<int32_t>(40 * i));
  fill(to, 0, 99);
  fill(to, 3, 98);

  const KvTransfer transfer = KvTransfer::gather(from, source);
  fill(from, 6, 1);  // what happens there later is nothing to the copy
  EXPECT_EQ(std::ssize(transfer.bytes()), 3 * 3 * 2 * kMovedPage);
  ASSERT_TRUE(transfer.scatter(to, target).ok());
  fill(from, 6, 0);
  for (size_t i = 0; i < source.size(); ++i) EXPECT_TRUE(same_page(from, source[i], to, target[i])) << i;

  KvCache untouched(kMovedShape, 5);
  fill(untouched, 0, 99);
  fill(untouched, 3, 98);
  EXPECT_TRUE(same_page(untouched, 0, to, 0));
  EXPECT_TRUE(same_page(untouched, 3, to, 3));
  EXPECT_EQ(to.committed_bytes(), to.reserved_bytes());
}

TEST(KvTransfer, AnotherShapeOrNumberOfPagesIsAnErrorAndWritesNothing) {
  KvCache from(kMovedShape, 2);
  const std::vector<PageId> pages = {0, 1};
  fill(from, 0, 3);
  fill(from, 1, 4);
  const KvTransfer transfer = KvTransfer::gather(from, pages);

  KvCache same(kMovedShape, 2);
  EXPECT_NE(transfer.scatter(same, std::span(pages).first(1)).error().message.find("2 pages"), std::string::npos);
  KvShape shape = kMovedShape;
  shape.dtype = DType::kBFloat16;
  KvCache other(shape, 2);
  EXPECT_NE(transfer.scatter(other, pages).error().message.find("float32"), std::string::npos);
  EXPECT_EQ(same.committed_bytes() + other.committed_bytes(), 0);
}

TEST(KvTransfer, OfNoPagesMovesNothing) {
  const KvCache from(kMovedShape, 2);
  KvCache to(kMovedShape, 2);
  EXPECT_TRUE(KvTransfer::gather(from, {}).scatter(to, {}).ok());
  EXPECT_EQ(to.committed_bytes(), 0);
}

}  // namespace
}  // namespace braid
