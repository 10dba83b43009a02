#include "braid/formats/mxfp4.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <vector>

namespace braid {
namespace {

// Every nibble in both halves of a byte, with every exponent but two: 255 stands for NaN, and products with the largest
// overflow.
TEST(Mxfp4, IsE2m1TimesAPowerOfTwo) {
  constexpr std::array<float, 16> kE2m1 = {0,     0.5F,  1,     1.5F,  2,     3,     4,     6,
                                           -0.0F, -0.5F, -1.0F, -1.5F, -2.0F, -3.0F, -4.0F, -6.0F};
  constexpr int kExponents = 253;
  std::vector<std::byte> exponents;
  std::vector<std::byte> nibbles;
  for (int exponent = 0; exponent < kExponents; ++exponent) {
    exponents.push_back(static_cast<std::byte>(exponent));
    for (int i = 0; i < kMxfp4NibbleBytes; ++i) nibbles.push_back(static_cast<std::byte>(i | ((15 - i) << 4)));
  }
  std::vector<float> values(exponents.size() * kMxfp4BlockElements);
  mxfp4_to_float(nibbles.data(), exponents.data(), kExponents, values.data());
  for (int exponent = 0; exponent < kExponents; ++exponent) {
    for (size_t i = 0; i < kMxfp4NibbleBytes; ++i) {
      const float* const pair = values.data() + static_cast<size_t>(exponent) * kMxfp4BlockElements + 2 * i;
      EXPECT_EQ(pair[0], std::ldexp(kE2m1[i], exponent - 127)) << exponent;
      EXPECT_EQ(pair[1], std::ldexp(kE2m1[15 - i], exponent - 127)) << exponent;
    }
  }
}

}  // namespace
}  // namespace braid
