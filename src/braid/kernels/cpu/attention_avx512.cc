// Attention with AVX-512 and vdpbf16ps. Over a bfloat16 cache the probabilities are rounded to bfloat16, because one
// instruction then does what four do in float32; their sum is taken as rounded, so that the weights still add up to 1.
#include <immintrin.h>

#include "braid/kernels/cpu/attention_inl.h"

namespace braid::cpu {
namespace {

struct Avx512 {
  using Vector = __m512;
  static constexpr int kLanes = 16;
  static constexpr int kRows = 4;
  static constexpr int kKeyVectors = 4;
  static constexpr int kDimVectors = 4;

  static Vector zero() { return _mm512_setzero_ps(); }
  static Vector broadcast(float value) { return _mm512_set1_ps(value); }
  static Vector load(const float* from) { return _mm512_loadu_ps(from); }
  static void store(float* to, Vector value) { _mm512_storeu_ps(to, value); }
  static Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
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

  static void store_some(float* to, Vector value, int count) { _mm512_mask_storeu_ps(to, first_lanes(count), value); }
  static void store_bfloat16(uint16_t* to, Vector value, int count) {
    _mm256_mask_storeu_epi16(to, first_lanes(count), rounded(value));
  }
  static __m256i rounded(Vector value) { return __builtin_bit_cast(__m256i, _mm512_cvtneps_pbh(value)); }
};

struct Avx512Pairs {
  using Vector = Avx512::Vector;
  using Weight = uint16_t;
  using Kv = __m512i;
  static constexpr int kStep = 2;

  static Kv load(const std::byte* from) { return _mm512_loadu_si512(from); }
  static Kv load_some(const std::byte* from, int count) {
    return _mm512_maskz_loadu_epi32(Avx512::first_lanes(count), from);
  }
  static Kv keep(Kv pair, bool first, bool second) {
    const uint32_t bits = (first ? 0x0000ffffU : 0U) | (second ? 0xffff0000U : 0U);
    return _mm512_and_si512(pair, _mm512_set1_epi32(static_cast<int>(bits)));
  }
  static __m512i broadcast(const Weight* pair) {
    int32_t word;
    __builtin_memcpy(&word, pair, sizeof(word));
    return _mm512_set1_epi32(word);
  }
  static Vector multiply_add(__m512i weight, Kv value, Vector sum) {
    return _mm512_dpbf16_ps(sum, __builtin_bit_cast(__m512bh, value), __builtin_bit_cast(__m512bh, weight));
  }
  static Vector put(Vector weights, Weight* to) {
    const __m256i rounded = Avx512::rounded(weights);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), rounded);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(rounded), 16));
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; i += Avx512::kLanes) {
      const __mmask16 lanes = Avx512::first_lanes(static_cast<int>(smaller<int64_t>(head_dim - i, Avx512::kLanes)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), Avx512::rounded(_mm512_maskz_loadu_ps(lanes, q + i)));
    }
  }
};

struct Avx512Floats {
  using Vector = Avx512::Vector;
  using Weight = float;
  using Kv = Vector;
  static constexpr int kStep = 1;

  static Kv load(const std::byte* from) { return _mm512_loadu_ps(from); }
  static Kv load_some(const std::byte* from, int count) {
    return _mm512_maskz_loadu_ps(Avx512::first_lanes(count), from);
  }
  static Kv keep(Kv value, bool, bool) { return value; }
  static Vector broadcast(const Weight* weight) { return _mm512_set1_ps(*weight); }
  static Vector multiply_add(Vector weight, Kv value, Vector sum) { return _mm512_fmadd_ps(weight, value, sum); }
  static Vector put(Vector weights, Weight* to) {
    _mm512_storeu_ps(to, weights);
    return weights;
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; ++i) to[i] = q[i];
  }
};

constexpr AttentionTier kTier = {.bfloat16 = AttentionKernel<Avx512, Avx512Pairs>::table(),
                                 .float32 = AttentionKernel<Avx512, Avx512Floats>::table()};

}  // namespace

const AttentionTier& attention_avx512() {
  return kTier;
}

}  // namespace braid::cpu
