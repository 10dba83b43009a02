// Attention with AVX2 and FMA. Pairs of bfloat16 are widened to two vectors of floats, codes to one; probabilities
// stay float32.
// Tested by kernels/paged_attention_test.cc.
#include <immintrin.h>

#include "braid/kernels/cpu/attention_formats_inl.h"

namespace braid::cpu {
namespace {

struct Avx2 {
  using Vector = __m256;
  using Words = __m256i;
  static constexpr int kLanes = 8;
  static constexpr int kRows = 4;
  static constexpr int kSums = 8;
  static constexpr int kKeyVectors = 2;
  static constexpr int kDimVectors = 2;
  static constexpr int kDimVectorsOfFewRows = 4;
  static constexpr int kSoftmaxRows = 1;
  static constexpr int kChunkRows = 4;
  static constexpr bool kFetchesTokenToL2 = false;
  static constexpr auto kWithoutBit14 = static_cast<int16_t>(0xbfff);

  static Vector zero() { return _mm256_setzero_ps(); }
  static Vector broadcast(float value) { return _mm256_set1_ps(value); }
  static Vector load(const float* from) { return _mm256_loadu_ps(from); }
  static void store(float* to, Vector value) { _mm256_storeu_ps(to, value); }
  static Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector subtract(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
  static Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static Vector divide(Vector a, Vector b) { return _mm256_div_ps(a, b); }
  static Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }  // b where either is a NaN

  static float max_lane(Vector value) {
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
  }
  static float sum_lanes(Vector value) {
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
  }
  static float first_lane(Vector value) { return _mm256_cvtss_f32(value); }

  // Minus infinity outside lanes [begin, end).
  static Vector mask(Vector value, int begin, int end) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i keep = _mm256_andnot_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(begin), lane),
                                             _mm256_cmpgt_epi32(_mm256_set1_epi32(end), lane));
    return _mm256_blendv_ps(_mm256_set1_ps(kMinusInfinity), value, _mm256_castsi256_ps(keep));
  }

  // 2^n from n + 1.5 · 2^23, for -127 <= n <= 0; 0 for -127.
  static Vector power_of_two(Vector shifted) {
    const __m256i biased = _mm256_add_epi32(_mm256_castps_si256(shifted), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
  }

  // head_dim is a multiple of 8, so there are always 8 lanes.
  static Vector load_some(const float* from, int) { return load(from); }
  static void store_some(float* to, Vector value, int) { _mm256_storeu_ps(to, value); }
  static void store_bfloat16(uint16_t* to, Vector value, int) {
    const __m256i wide = _mm256_srli_epi32(rounded_bits(value), 16);
    const __m128i narrow = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), narrow);
  }
  // Rounds to the nearest bfloat16, ties to even, in the upper half of each lane; the lower half is noise.
  static Words rounded_bits(Vector value) {
    const __m256i bits = _mm256_castps_si256(value);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256 is_nan = _mm256_cmp_ps(value, value, _CMP_UNORD_Q);
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
    return _mm256_blendv_epi8(rounded, quiet, _mm256_castps_si256(is_nan));
  }

  template <KvCodes kCodes>
  static Vector from_codes(const std::byte* from) {
    const __m128i codes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
    if constexpr (kCodes == KvCodes::kInt8) return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes));
    const __m128i shifted = _mm_slli_epi16(_mm_cvtepi8_epi16(codes), 7);  // the sign is bits 15 and 14
    return _mm256_cvtph_ps(_mm_and_si128(shifted, _mm_set1_epi16(kWithoutBit14)));
  }
  static void two_from_e4m3(const std::byte* from, Vector& first, Vector& second) {
    const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m256i shifted = _mm256_slli_epi16(_mm256_cvtepi8_epi16(codes), 7);
    const __m256i halves = _mm256_and_si256(shifted, _mm256_set1_epi16(kWithoutBit14));
    first = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
    second = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
  }
  template <KvCodes kCodes>
  static Vector from_some_codes(const std::byte* from, int) {
    return from_codes<kCodes>(from);
  }

  static Words load_words(const std::byte* from) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)); }
  static Words load_some_words(const std::byte* from, int) { return load_words(from); }
  static Vector lower_halves(Words words) { return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16)); }
  static Vector upper_halves(Words words) {
    return _mm256_castsi256_ps(_mm256_and_si256(words, _mm256_set1_epi32(static_cast<int>(0xffff0000U))));
  }
};

constexpr AttentionTier kTier = {.bfloat16 = AttentionKernel<Avx2, WidenedPairs<Avx2>>::table(),
                                 .float32 = AttentionKernel<Avx2, Floats<Avx2>>::table(),
                                 .int8 = AttentionKernel<Avx2, WidenedCodes<Avx2, KvCodes::kInt8>>::table(),
                                 .e4m3 = AttentionKernel<Avx2, WidenedCodes<Avx2, KvCodes::kE4m3>>::table()};

}  // namespace

const AttentionTier& attention_avx2() {
  return kTier;
}

}  // namespace braid::cpu
