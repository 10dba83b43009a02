// Rounds to IEEE 754 binary16. Tested by quantized_rows_test.cc.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "braid/tensor/dtype.h"

namespace braid {

// To nearest, ties to even; values beyond binary16 become infinite.
inline Float16 to_float16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000U);
  const float size = std::fabs(value);
  if (std::isnan(value)) return {static_cast<uint16_t>(sign | 0x7e00U)};
  if (size >= 65520.0F) return {static_cast<uint16_t>(sign | 0x7c00U)};
  if (size < 0x1p-14F) {  // a subnormal half counts in units of 2^-24
    return {static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(size * 0x1p24F)))};
  }
  const uint32_t magnitude = bits & 0x7fffffffU;
  const uint32_t rounded = magnitude + 0xfffU + (magnitude >> 13 & 1U);
  return {static_cast<uint16_t>(sign | ((rounded >> 13) - (112U << 10)))};
}

}  // namespace braid
