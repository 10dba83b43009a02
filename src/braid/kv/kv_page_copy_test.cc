#include "braid/kv/kv_page_copy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace braid {
namespace {

constexpr KvShape kMovedShape{
    .num_layers = 3, .num_kv_heads = 2, .head_dim = 8, .dtype = DType::kFloat32, .page_size = 16};
constexpr int64_t kMovedPage = 2 * 8 * 16 * 4;

// Every byte depends on its layer, on keys or values, and on its place in the page.
void fill(KvCache& cache, PageId page, int32_t seed) {
  cache.mark_committed(std::span(&page, 1));
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

TEST(KvPageCopy, CopiesPagesBitForBitWhereverTheyLie) {
  ThreadTeam team(3);
  KvCache from(kMovedShape, 8);
  KvCache to(kMovedShape, 5);
  const std::vector<std::vector<PageId>> sources = {{6, 0, 3}};
  const std::vector<std::vector<PageId>> targets = {{1, 4, 2}};
  const std::vector<PageId>& source = sources[0];
  const std::vector<PageId>& target = targets[0];
  for (size_t i = 0; i < source.size(); ++i) fill(from, source[i], static_cast<int32_t>(40 * i));
  fill(to, 0, 99);
  fill(to, 3, 98);

  const KvPageCopy copy = KvPageCopy::gather(team, from, sources);
  fill(from, 6, 1);  // later writes do not change the copy
  EXPECT_EQ(std::ssize(copy.bytes()), 3 * 3 * 2 * kMovedPage);
  ASSERT_TRUE(copy.scatter(team, to, targets).ok());
  fill(from, 6, 0);
  for (size_t i = 0; i < source.size(); ++i) EXPECT_TRUE(same_page(from, source[i], to, target[i])) << i;

  KvCache untouched(kMovedShape, 5);
  fill(untouched, 0, 99);
  fill(untouched, 3, 98);
  EXPECT_TRUE(same_page(untouched, 0, to, 0));
  EXPECT_TRUE(same_page(untouched, 3, to, 3));
  EXPECT_EQ(to.committed_bytes(), to.reserved_bytes());
}

// A team of one thread is the caller alone; a job of the team is what others can take part in.
TEST(KvPageCopy, TheTeamSharesTheWork) {
  ThreadTeam team(3);
  KvCache from(kMovedShape, 2);
  KvCache to(kMovedShape, 2);
  const std::vector<std::vector<PageId>> pages = {{0, 1}};
  for (const PageId page : pages[0]) fill(from, page, 5);
  const uint64_t before = team.progress().num_operations;
  const KvPageCopy copy = KvPageCopy::gather(team, from, pages);
  EXPECT_EQ(team.progress().num_operations, before + 1);
  ASSERT_TRUE(copy.scatter(team, to, pages).ok());
  EXPECT_EQ(team.progress().num_operations, before + 2);
}

TEST(KvPageCopy, AnotherShapeOrNumberOfPagesIsAnErrorAndWritesNothing) {
  ThreadTeam team(3);
  KvCache from(kMovedShape, 2);
  const std::vector<std::vector<PageId>> pages = {{0, 1}};
  fill(from, 0, 3);
  fill(from, 1, 4);
  const KvPageCopy copy = KvPageCopy::gather(team, from, pages);

  KvCache same(kMovedShape, 2);
  const std::vector<std::vector<PageId>> one_page = {{0}};
  EXPECT_NE(copy.scatter(team, same, one_page).error().message.find("2 pages"), std::string::npos);
  KvShape shape = kMovedShape;
  shape.dtype = DType::kBFloat16;
  KvCache other(shape, 2);
  EXPECT_NE(copy.scatter(team, other, pages).error().message.find("float32"), std::string::npos);
  shape.codes = KvCodes::kInt8;
  KvCache codes(shape, 2);
  EXPECT_NE(copy.scatter(team, codes, pages).error().message.find("int8"), std::string::npos);
  const KvPageCopy of_codes = KvPageCopy::gather(team, codes, pages);
  EXPECT_EQ(std::ssize(of_codes.bytes()), 3 * 2 * 2 * codes.layer(0).page_bytes());
  EXPECT_FALSE(of_codes.scatter(team, other, pages).ok());
  EXPECT_EQ(same.committed_bytes() + other.committed_bytes(), 0);
}

TEST(KvPageCopy, CrossesProcessesAsBytes) {
  ThreadTeam team(3);
  KvCache from(kMovedShape, 4);
  KvCache to(kMovedShape, 3);
  const std::vector<std::vector<PageId>> sources = {{3, 1}};
  const std::vector<std::vector<PageId>> targets = {{0, 2}};
  fill(from, 3, 5);
  fill(from, 1, 6);
  Buffer bytes = KvPageCopy::gather(team, from, sources).take_bytes();
  EXPECT_EQ(bytes.bytes(), 2 * 3 * 2 * kMovedPage);
  auto copy = KvPageCopy::of_bytes(to, targets, std::move(bytes));
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  ASSERT_TRUE(copy->scatter(team, to, targets).ok());
  EXPECT_TRUE(same_page(from, 3, to, 0));
  EXPECT_TRUE(same_page(from, 1, to, 2));
  EXPECT_EQ(KvPageCopy::of_bytes(to, targets, Buffer(kMovedPage)).error().message,
            "1024 bytes of keys and values came for 2 pages, which have 12288");
}

TEST(KvPageCopy, WithoutPagesCopiesNothing) {
  ThreadTeam team(3);
  const KvCache from(kMovedShape, 2);
  KvCache to(kMovedShape, 2);
  const std::vector<std::vector<PageId>> none(1);
  EXPECT_TRUE(KvPageCopy::gather(team, from, none).scatter(team, to, none).ok());
  EXPECT_EQ(to.committed_bytes(), 0);
}

// Layers 0 and 2 see all positions, layer 1 has a window: a KV group's pages go only into that KV group's layers.
TEST(KvPageCopy, EachKvGroupHasPagesOfItsOwn) {
  ThreadTeam team(3);
  KvShape shape = kMovedShape;
  shape.windows = {0, 20, 0};
  const std::vector<KvGroupPool> pools = {{.num_pages = 4}, {.window = 20, .num_pages = 2}};
  KvCache from(shape, pools);
  KvCache to(shape, pools);
  const auto page_bytes = [](KvCache& cache, int32_t layer, PageId page) {
    return std::span(cache.layer(layer).keys + page * kMovedPage, static_cast<size_t>(kMovedPage));
  };
  const auto mark = [&](int32_t layer, PageId page) {
    from.mark_committed(std::span(&page, 1), from.kv_groups().of_layer[static_cast<size_t>(layer)]);
    std::ranges::fill(page_bytes(from, layer, page), static_cast<std::byte>(10 * layer + page + 1));
  };
  for (const PageId page : {1, 3}) mark(0, page);
  for (const PageId page : {1, 3}) mark(2, page);
  mark(1, 0);
  const std::vector<std::vector<PageId>> source = {{3, 1}, {0}};
  const std::vector<std::vector<PageId>> target = {{0, 2}, {1}};
  const KvPageCopy copy = KvPageCopy::gather(team, from, source);
  EXPECT_EQ(copy.num_pages(), 3);
  EXPECT_EQ(std::ssize(copy.bytes()), 2 * kMovedPage * (2 + 1 + 2));
  ASSERT_TRUE(copy.scatter(team, to, target).ok());
  EXPECT_EQ(page_bytes(to, 0, 0)[5], std::byte{4});
  EXPECT_EQ(page_bytes(to, 0, 2)[5], std::byte{2});
  EXPECT_EQ(page_bytes(to, 1, 1)[5], std::byte{11});
  EXPECT_EQ(page_bytes(to, 2, 0)[5], std::byte{24});
  EXPECT_EQ(page_bytes(to, 2, 2)[5], std::byte{22});
  EXPECT_EQ(to.committed_bytes(), 2 * kMovedPage * (2 + 1 + 2));

  KvCache other(kMovedShape, 4);
  EXPECT_FALSE(copy.scatter(team, other, source).ok()) << "its layers are other groups";
}

}  // namespace
}  // namespace braid
