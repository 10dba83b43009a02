// The rows that tests of a step's exchange send, and what they expect of them.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>

namespace braid::testing {

inline constexpr int64_t kHidden = 6;
inline constexpr int64_t kMaxTokens = 9;

// The float32 of a group's token in column `col` of layer `layer`; every seventh is -0.0.
inline float token_value(int32_t group, int64_t token, int64_t col, int layer) {
  const int64_t number = ((group * 100 + token) * 10 + col) * 10 + layer;
  return number % 7 == 0 ? -0.0F : static_cast<float>(number) * 0.13F;
}

// Rank `rank`'s partial sum of that value.
inline float partial_value(int32_t rank, float value) {
  return value * (1.0F / static_cast<float>(rank + 3)) + 0.1F * static_cast<float>(rank);
}

inline void expect_bits(float got, float expected) {
  ASSERT_EQ(std::bit_cast<uint32_t>(got), std::bit_cast<uint32_t>(expected)) << got << " " << expected;
}

}  // namespace braid::testing
