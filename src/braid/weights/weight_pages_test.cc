#include "braid/weights/weight_pages.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

constexpr size_t kPage = WeightPages::kPageBytes;

std::vector<std::byte> some_bytes(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 37 + i / 251);
  return bytes;
}

const auto kGoOn = [] { return true; };

TEST(WeightPages, SumsOfTheLastStartAreComparedAndNotMadeAgain) {
  std::vector<std::byte> bytes = some_bytes(2 * kPage + 5);
  ThreadTeam team(2);
  const std::vector<WeightMemory> memory{{.tensors = "a", .bytes = bytes, .ranks = {0}}};
  const WeightPages loaded(memory, team);
  bytes[kPage] ^= std::byte{16};  // before the next start
  const WeightPages next(memory, loaded.sums());
  EXPECT_EQ(next.num_pages(), 3);
  ASSERT_EQ(next.find_damage(kGoOn)->size(), 1U);
  bytes[kPage] ^= std::byte{16};
  EXPECT_TRUE(next.find_damage(kGoOn)->empty());
}

TEST(WeightPages, AnyByteThatChangesIsFoundInItsPageAndUnderItsName) {
  std::vector<std::byte> first = some_bytes(2 * kPage + 5);
  std::vector<std::byte> second = some_bytes(3);
  ThreadTeam team(2);
  const WeightPages pages({{.tensors = "a", .bytes = first, .ranks = {0}}, {.tensors = "b", .bytes = second}}, team);
  EXPECT_EQ(pages.num_pages(), 4);
  EXPECT_EQ(WeightPages::pages_of(pages.memory()[0]), 3);
  EXPECT_TRUE(pages.find_damage(kGoOn)->empty());
  for (const size_t at : {size_t{0}, kPage - 1, kPage, 2 * kPage, 2 * kPage + 4}) {
    first[at] ^= std::byte{16};
    const auto damages = pages.find_damage(kGoOn);
    ASSERT_EQ(damages->size(), 1U) << at;
    EXPECT_EQ(damages->front().memory, 0U);
    EXPECT_EQ(damages->front().num_bad_pages, 1);
    first[at] ^= std::byte{16};
  }
  first[0] ^= std::byte{1};
  first[1] ^= std::byte{1};
  first[kPage] ^= std::byte{1};
  second[2] ^= std::byte{1};
  const auto damages = pages.find_damage(kGoOn);
  ASSERT_EQ(damages->size(), 2U);
  EXPECT_EQ((*damages)[0].num_bad_pages, 2);
  EXPECT_EQ((*damages)[1].memory, 1U);
  EXPECT_EQ((*damages)[1].num_bad_pages, 1);
}

TEST(WeightPages, ACheckEndsAtTheNextPageWhenItIsToldTo) {
  const std::vector<std::byte> bytes = some_bytes(4 * kPage);
  ThreadTeam team(1);
  const WeightPages pages({{.tensors = "a", .bytes = bytes, .ranks = {0}}}, team);
  int num_asked = 0;
  EXPECT_FALSE(pages.find_damage([&] { return ++num_asked < 3; }).has_value());
  EXPECT_EQ(num_asked, 3);
}

TEST(WeightPages, NoWeightsAreNoPages) {
  ThreadTeam team(2);
  const WeightPages pages({}, team);
  EXPECT_EQ(pages.num_pages(), 0);
  EXPECT_TRUE(pages.find_damage(kGoOn)->empty());
}

}  // namespace
}  // namespace braid
