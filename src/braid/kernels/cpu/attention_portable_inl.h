// Vectors for attention, made of the compiler's own vectors of four floats, for any processor. A product and its
// addition are rounded separately, since not every processor has a fused instruction.
#pragma once

#include "braid/kernels/cpu/attention_formats_inl.h"
#include "braid/tensor/float8.h"

namespace braid::cpu {
namespace {

struct FloatOfCode {
  float of[256];
};
constexpr FloatOfCode float_of_codes(KvCodes codes) {
  FloatOfCode values = {};
  for (int code = 0; code < 256; ++code) {
    values.of[code] = codes == KvCodes::kE4m3 ? e4m3_to_float(static_cast<uint8_t>(code)) / unit_of_codes(codes)
                                              : static_cast<float>(static_cast<int8_t>(code));
  }
  return values;
}

struct Portable {
  using Vector = float __attribute__((vector_size(16)));
  using Words = uint32_t __attribute__((vector_size(16)));
  static constexpr int kLanes = 4;
  static constexpr int kRows = 2;
  static constexpr int kSums = 8;
  static constexpr int kKeyVectors = 4;
  static constexpr int kDimVectors = 4;
  static constexpr int kDimVectorsOfFewRows = 4;
  static constexpr int kSoftmaxRows = 1;
  static constexpr int kChunkRows = 1;
  static constexpr bool kFetchesTokenToL2 = false;

  static Vector zero() { return Vector{}; }
  static Vector broadcast(float value) { return Vector{value, value, value, value}; }
  static Vector load(const float* from) {
    Vector value;
    __builtin_memcpy(&value, from, sizeof(value));
    return value;
  }
  static void store(float* to, Vector value) { __builtin_memcpy(to, &value, sizeof(value)); }
  static Vector add(Vector a, Vector b) { return a + b; }
  static Vector subtract(Vector a, Vector b) { return a - b; }
  static Vector multiply(Vector a, Vector b) { return a * b; }
  static Vector divide(Vector a, Vector b) { return a / b; }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
  static Vector max(Vector a, Vector b) { return a > b ? a : b; }  // b where either is a NaN
  static float max_lane(Vector value) { return larger(larger(value[0], value[2]), larger(value[1], value[3])); }
  static float sum_lanes(Vector value) { return (value[0] + value[2]) + (value[1] + value[3]); }
  static float first_lane(Vector value) { return value[0]; }

  // Minus infinity outside lanes [begin, end).
  static Vector mask(Vector value, int begin, int end) {
    for (int i = 0; i < kLanes; ++i) {
      if (i < begin || i >= end) value[i] = kMinusInfinity;
    }
    return value;
  }

  // 2^n from n + 1.5 · 2^23, for -127 <= n <= 0; 0 for -127.
  static Vector power_of_two(Vector shifted) {
    return __builtin_bit_cast(Vector, (__builtin_bit_cast(Words, shifted) + 127U) << 23);
  }

  // head_dim is a multiple of 8, so there are always 4 lanes.
  static Vector load_some(const float* from, int) { return load(from); }
  static void store_some(float* to, Vector value, int) { store(to, value); }
  static void store_bfloat16(uint16_t* to, Vector value, int) {
    const Words bits = rounded_bits(value);
    for (int i = 0; i < kLanes; ++i) to[i] = static_cast<uint16_t>(bits[i] >> 16);
  }
  // Rounds to the nearest bfloat16, ties to even, in the upper half of each lane; the lower half is noise.
  static Words rounded_bits(Vector value) {
    const Words bits = __builtin_bit_cast(Words, value);
    const Words rounded = bits + 0x7fffU + ((bits >> 16) & 1U);
    return (bits & 0x7fffffffU) > 0x7f800000U ? (bits | 0x00400000U) : rounded;
  }

  template <KvCodes kCodes>
  static Vector from_codes(const std::byte* from) {
    static constexpr FloatOfCode kValues = float_of_codes(kCodes);
    uint8_t codes[kLanes];
    __builtin_memcpy(codes, from, sizeof(codes));
    return Vector{kValues.of[codes[0]], kValues.of[codes[1]], kValues.of[codes[2]], kValues.of[codes[3]]};
  }
  template <KvCodes kCodes>
  static Vector from_some_codes(const std::byte* from, int) {
    return from_codes<kCodes>(from);
  }

  static Words load_words(const std::byte* from) {
    Words words;
    __builtin_memcpy(&words, from, sizeof(words));
    return words;
  }
  static Words load_some_words(const std::byte* from, int) { return load_words(from); }
  static Vector lower_halves(Words words) { return __builtin_bit_cast(Vector, words << 16); }
  static Vector upper_halves(Words words) { return __builtin_bit_cast(Vector, words & 0xffff0000U); }
};

}  // namespace
}  // namespace braid::cpu
