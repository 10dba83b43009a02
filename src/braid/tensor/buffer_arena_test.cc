#include "braid/tensor/buffer_arena.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace braid {
namespace {

constexpr int64_t kSlab = 64 << 20;

TEST(BufferArena, BuffersLieOneBehindAnotherAndOutliveIt) {
  std::vector<Buffer> taken;
  {
    BufferArena arena(kSlab);
    for (const int64_t bytes : {3L << 20, 100L, 0L, 3L << 20, 60L << 20, 65L << 20}) {
      taken.push_back(arena.take(bytes));
      EXPECT_EQ(taken.back().bytes(), bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(taken.back().data()) % 64, 0U);
    }
    // The two of 3 MB share huge pages; 60 MB are in their own slab; the 65 MB have one huge page less, because the
    // last one is not whole.
    EXPECT_EQ(arena.huge_page_bytes(), (66L << 20) + (64L << 20));
  }
  EXPECT_EQ(taken[1].data(), taken[0].data() + (3L << 20));
  EXPECT_EQ(taken[2].data(), nullptr);
  EXPECT_EQ(taken[3].data(), taken[1].data() + 128);
  for (size_t i = 0; i < taken.size(); ++i) {
    for (int64_t at = 0; at < taken[i].bytes(); at += 4000) {
      EXPECT_EQ(taken[i].data()[at], std::byte{0});
      taken[i].data()[at] = static_cast<std::byte>(i);
    }
  }
  for (size_t i = 0; i < taken.size(); ++i) {
    for (int64_t at = 0; at < taken[i].bytes(); at += 4000) ASSERT_EQ(taken[i].data()[at], static_cast<std::byte>(i));
  }
}

TEST(BufferArena, SlabsComeFromWhereItIsTold) {
  std::vector<std::shared_ptr<const Mapping>> made;
  BufferArena arena([&](int64_t bytes) { return made.emplace_back(std::make_shared<const Mapping>(bytes)); }, kSlab);
  std::vector<std::byte*> taken;
  std::vector<Buffer> buffers;
  for (const int64_t bytes : {1L << 20, 65L << 20, 2L << 20})
    taken.push_back(buffers.emplace_back(arena.take(bytes)).data());
  ASSERT_EQ(made.size(), 2U);
  EXPECT_EQ(taken, (std::vector<std::byte*>{made[0]->data(), made[1]->data(), made[0]->data() + (1 << 20)}));
}

}  // namespace
}  // namespace braid
