// Vectors of 16 floats for attention with AVX-512, without rounding to bfloat16, which the tiers do in different ways.
// Included only by the tiers' files.
#pragma once

#include <immintrin.h>

#include "braid/kernels/cpu/attention_formats_inl.h"

namespace braid::cpu {
namespace {

struct Avx512Vectors {
  using Vector = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kRows = 8;
  static constexpr int kSums = 16;
  static constexpr int kKeyVectors = 4;
  static constexpr int kDimVectors = 4;
  static constexpr int kDimVectorsOfFewRows = 8;
  static constexpr int kSoftmaxRows = 4;
  static constexpr int kChunkRows = 4;
  static constexpr bool kFetchesTokenToL2 = false;

  static Vector zero() { return _mm512_setzero_ps(); }
  static Vector broadcast(float value) { return _mm512_set1_ps(value); }
  static Vector load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Vector value) { _mm512_storeu_ps(to, value); }
  static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static Vector divide(Vector a, Vector b) { return _mm512_div_ps(a, b); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector max(Vector a, Vector b) { return _mm512_max_ps(a, b); }  // b where either is a NaN
  static float max_lane(Vector value) { return _mm512_reduce_max_ps(value); }
  static float sum_lanes(Vector value) { return _mm512_reduce_add_ps(value); }
  static float first_lane(Vector value) { return _mm512_cvtss_f32(value); }

  static __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1U << smaller(count, kLanes)) - 1U); }

  // Minus infinity outside lanes [begin, end).
  static Vector mask(Vector value, int begin, int end) {
    const auto keep = static_cast<__mmask16>(first_lanes(larger(end, 0)) & ~first_lanes(larger(begin, 0)));
    return _mm512_mask_mov_ps(_mm512_set1_ps(kMinusInfinity), keep, value);
  }

  // 2^n from n + 1.5 · 2^23, for -127 <= n <= 0; 0 for -127.
  static Vector power_of_two(Vector shifted) {
    const __m512i biased = _mm512_add_epi32(_mm512_castps_si512(shifted), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(biased, 23));
  }

  template <KvCodes kCodes>
  static Vector widened_codes(__m128i codes) {
    if constexpr (kCodes == KvCodes::kInt8) return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes));
    const __m256i shifted = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);  // the sign is bits 15 and 14
    return _mm512_cvtph_ps(_mm256_and_si256(shifted, _mm256_set1_epi16(static_cast<int16_t>(0xbfff))));
  }
  template <KvCodes kCodes>
  static Vector from_codes(const std::byte* from) {
    return widened_codes<kCodes>(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  template <KvCodes kCodes>
  static Vector from_some_codes(const std::byte* from, int count) {
    return widened_codes<kCodes>(_mm_maskz_loadu_epi8(first_lanes(count), from));
  }

  static Vector load_some(const float* from, int count) { return _mm512_maskz_loadu_ps(first_lanes(count), from); }
  static void store_some(float* to, Vector value, int count) { _mm512_mask_storeu_ps(to, first_lanes(count), value); }
};

}  // namespace
}  // namespace braid::cpu
