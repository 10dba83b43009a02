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

// OCP Microscaling Formats, E8M0: 2^(byte - 127); 0 is a subnormal float, 255 is NaN.
constexpr float e8m0_to_float(uint8_t byte) {
  if (byte == 255) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(byte == 0 ? 0x00400000U : static_cast<uint32_t>(byte) << 23);
}

}  // namespace braid
