// Attention with AVX-512 alone. Pairs of bfloat16 are widened to two vectors of floats; probabilities stay float32.
#include "braid/kernels/cpu/attention_avx512_inl.h"

namespace braid::cpu {
namespace {

struct Avx512 : Avx512Vectors {
  static void store_bfloat16(uint16_t* to, Vector value, int count) {
    _mm512_mask_cvtepi32_storeu_epi16(to, first_lanes(count), _mm512_srli_epi32(rounded_bits(value), 16));
  }
  // To nearest bfloat16, ties to even, in the upper half of each lane; the lower half is noise.
  static __m512i rounded_bits(Vector value) {
    const __m512i bits = _mm512_castps_si512(value);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(value, value, _CMP_UNORD_Q);
    return _mm512_mask_or_epi32(rounded, is_nan, bits, _mm512_set1_epi32(0x00400000));
  }
  static Vector upper_halves(__m512i bits) {
    return _mm512_castsi512_ps(_mm512_and_si512(bits, _mm512_set1_epi32(static_cast<int>(0xffff0000U))));
  }
};

struct WidenedPairs {
  using Vector = Avx512::Vector;
  using Weight = float;
  struct Kv {
    Vector first;
    Vector second;
  };
  static constexpr int kStep = 2;

  static Kv widened(__m512i pairs) {
    return {.first = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)), .second = Avx512::upper_halves(pairs)};
  }
  static Kv load(const std::byte* from) { return widened(_mm512_loadu_si512(from)); }
  static Kv load_some(const std::byte* from, int count) {
    return widened(_mm512_maskz_loadu_epi32(Avx512::first_lanes(count), from));
  }
  static Kv keep(Kv pair, bool first, bool second) {
    return {.first = first ? pair.first : Avx512::zero(), .second = second ? pair.second : Avx512::zero()};
  }
  static Kv broadcast(const Weight* pair) {
    return {.first = _mm512_set1_ps(pair[0]), .second = _mm512_set1_ps(pair[1])};
  }
  static Vector multiply_add(Kv weight, Kv value, Vector sum) {
    return _mm512_fmadd_ps(weight.second, value.second, _mm512_fmadd_ps(weight.first, value.first, sum));
  }
  static Vector put(Vector weights, Weight* to) {
    _mm512_storeu_ps(to, weights);
    return weights;
  }
  static void put_query(const float* q, int64_t head_dim, Weight* to) {
    for (int64_t i = 0; i < head_dim; i += Avx512::kLanes) {
      const __mmask16 lanes = Avx512::first_lanes(static_cast<int>(smaller<int64_t>(head_dim - i, Avx512::kLanes)));
      const Vector values = _mm512_maskz_loadu_ps(lanes, q + i);
      _mm512_mask_storeu_ps(to + i, lanes, Avx512::upper_halves(Avx512::rounded_bits(values)));
    }
  }
};

constexpr AttentionTier kTier = {.bfloat16 = AttentionKernel<Avx512, WidenedPairs>::table(),
                                 .float32 = AttentionKernel<Avx512, Avx512Floats>::table()};

}  // namespace

const AttentionTier& attention_avx512() {
  return kTier;
}

}  // namespace braid::cpu
