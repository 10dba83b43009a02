#include "braid/tensor/buffer.h"

#include <gtest/gtest.h>

#include <new>
#include <string>
#include <utility>

namespace braid {
namespace {

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

}  // namespace
}  // namespace braid
