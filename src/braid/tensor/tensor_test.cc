#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "braid/tensor/buffer_arena.h"
#include "braid/tensor/dtype.h"
#include "braid/tensor/rows.h"

namespace braid {
namespace {

TEST(BFloat16, RoundsToNearestTiesToEven) {
  EXPECT_EQ(to_bfloat16(1.0F).bits, 0x3f80);
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f808000U)).bits, 0x3f80);  // a tie, down to even
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f818000U)).bits, 0x3f82);  // a tie, up to even
  EXPECT_EQ(to_bfloat16(std::bit_cast<float>(0x3f808001U)).bits, 0x3f81);
  EXPECT_EQ(to_bfloat16(-0.0F).bits, 0x8000);
  EXPECT_TRUE(std::isnan(to_float(to_bfloat16(std::numeric_limits<float>::signaling_NaN()))));
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
}

TEST(Float16, EveryValueConvertsAsTheHardwareDoes) {
  for (uint32_t bits = 0; bits < 0x10000U; ++bits) {
    const float ours = to_float(Float16{static_cast<uint16_t>(bits)});
    const auto theirs = static_cast<float>(std::bit_cast<_Float16>(static_cast<uint16_t>(bits)));
    if (std::isnan(theirs)) {
      EXPECT_TRUE(std::isnan(ours));
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(ours), std::bit_cast<uint32_t>(theirs)) << bits;
    }
  }
}

TEST(Buffer, IsAlignedAndZeroAndMoves) {
  for (int64_t bytes : {0L, 1L, 4096L, 5L << 20}) {
    Buffer first(bytes);
    Buffer second = std::move(first);
    EXPECT_EQ(first.data(), nullptr);
    EXPECT_EQ(second.bytes(), bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(second.data()) % 64, 0U);
    for (int64_t i = 0; i < bytes; i += 511) EXPECT_EQ(second.data()[i], std::byte{0});
  }
}

TEST(Buffer, OneThatCannotBeHadIsNoMemoryAsForNew) {
  constexpr int64_t kTooMuch = int64_t{1} << 60;
  try {
    const Buffer buffer(kTooMuch);
    FAIL();
  } catch (const std::bad_alloc& error) {
    EXPECT_NE(std::string(error.what()).find("cannot reserve 115292"), std::string::npos) << error.what();
  }
}

TEST(BufferArena, BuffersLieOneBehindAnotherAndOutliveIt) {
  std::vector<Buffer> taken;
  {
    BufferArena arena;
    for (const int64_t bytes : {3L << 20, 100L, 0L, 3L << 20, 60L << 20, 65L << 20}) {
      taken.push_back(arena.take(bytes));
      EXPECT_EQ(taken.back().bytes(), bytes);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(taken.back().data()) % 64, 0U);
    }
    // 3 and 3 MB share pages; 60 are in a slab of their own; 65 have one huge page less, for their last one is not
    // whole.
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

TEST(Rows, SlicesKeepTheStride) {
  RowsBuffer buffer(DType::kFloat32, 4, 6);
  const Rows all = buffer.first(3);
  all.row<float>(2)[4] = 7;
  const ConstRows part = all.slice_rows(1, 2).slice_cols(3, 2);
  EXPECT_EQ(part.rows, 2);
  EXPECT_EQ(part.row<float>(1)[1], 7);
}

}  // namespace
}  // namespace braid
