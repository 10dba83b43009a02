// 8-bit floating point: what a byte of it stands for. Tested by quantized_rows_test.cc.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>

namespace braid {

// OCP 8-bit floating point, E4M3: no infinities; 0x7f and 0xff are NaN; 8 subnormals a sign, in units of 2^-9.
constexpr float e4m3_to_float(uint8_t byte) {
  const uint32_t sign = static_cast<uint32_t>(byte & 0x80U) << 24;
  const uint32_t magnitude = byte & 0x7fU;
  if (magnitude == 0x7fU) return std::bit_cast<float>(sign | 0x7fc00000U);
  if (magnitude < 8) {
    const float value = static_cast<float>(magnitude) * 0x1p-9F;
    return sign == 0 ? value : -value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 20) + (120U << 23)));
}

// To nearest, ties to even; values beyond 448 become 448. Not for a NaN.
constexpr uint8_t to_e4m3(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint8_t>(bits >> 24 & 0x80U);
  const float size = std::bit_cast<float>(bits & 0x7fffffffU);
  if (size >= 448.0F) return static_cast<uint8_t>(sign | 0x7eU);
  if (size < 0x1p-6F) {  // a subnormal counts in units of 2^-9; adding 1.5 · 2^23 rounds to an integer
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(size * 0x1p9F + 12582912.0F) & 15U));
  }
  const uint32_t magnitude = bits & 0x7fffffffU;
  return static_cast<uint8_t>(sign | (((magnitude + 0x7ffffU + (magnitude >> 20 & 1U)) >> 20) - (120U << 3)));
}

// OCP Microscaling Formats, E8M0: 2^(byte - 127); 0 is a subnormal float, 255 is NaN.
constexpr float e8m0_to_float(uint8_t byte) {
  if (byte == 255) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(byte == 0 ? 0x00400000U : static_cast<uint32_t>(byte) << 23);
}

}  // namespace braid
