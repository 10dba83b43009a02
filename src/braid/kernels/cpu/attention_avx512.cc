// Attention with AVX-512 alone. Pairs of bfloat16 are widened to two vectors of floats, codes to one;
// probabilities stay float32.
// Tested by kernels/paged_attention_test.cc.
#include "braid/kernels/cpu/attention_avx512_inl.h"

namespace braid::cpu {
namespace {

struct Avx512 : Avx512Vectors {
  using Words = __m512i;

  static void store_bfloat16(uint16_t* to, Vector value, int count) {
    _mm512_mask_cvtepi32_storeu_epi16(to, first_lanes(count), _mm512_srli_epi32(rounded_bits(value), 16));
  }
  // Rounds to the nearest bfloat16, ties to even, in the upper half of each lane; the lower half is noise.
  static Words rounded_bits(Vector value) {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, is_nan, bits, _mm512_set1_epi32(0x00400000));
  }

  static Words load_words(const std::byte* from) { return _mm512_loadu_si512(from); }
  static Words load_some_words(const std::byte* from, int count) {
    return _mm512_maskz_loadu_epi32(first_lanes(count), from);
  }
  static Vector lower_halves(Words words) { return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16)); }
  static Vector upper_halves(Words words) {
    return _mm512_castsi512_ps(_mm512_and_si512(words, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
  }
};

constexpr AttentionTier kTier = {.bfloat16 = AttentionKernel<Avx512, WidenedPairs<Avx512>>::table(),
                                 .float32 = AttentionKernel<Avx512, Floats<Avx512>>::table(),
                                 .int8 = AttentionKernel<Avx512, WidenedCodes<Avx512, KvCodes::kInt8>>::table(),
                                 .e4m3 = AttentionKernel<Avx512, WidenedCodes<Avx512, KvCodes::kE4m3>>::table()};

}  // namespace

const AttentionTier& attention_avx512() {
  return kTier;
}

}  // namespace braid::cpu
