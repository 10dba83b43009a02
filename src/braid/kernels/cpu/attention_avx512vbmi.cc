// Attention over codes with AVX-512 BF16 and VBMI: 64 codes at once are looked up in a table of bfloat16, byte by
// byte. The bits are those of CodePairs (attention_avx512bf16_inl.h). Tested by kernels/paged_attention_test.cc.
#include "braid/kernels/cpu/attention_avx512bf16_inl.h"

namespace braid::cpu {
namespace {

// The bfloat16 of each code without its sign, in units of unit_of_codes(): all first bytes, then all second bytes.
struct SizeBytes {
  alignas(64) uint8_t low[128] = {};
  alignas(64) uint8_t high[128] = {};
};

// Codes are -127 to 127.
template <KvCodes kCodes>
constexpr float size_of_code(int code) {
  if (kCodes == KvCodes::kInt8) return static_cast<float>(code);
  const int exponent = code >> 3;
  float size = static_cast<float>(exponent == 0 ? code : 8 + code % 8) * 0x1p-9F / unit_of_codes(KvCodes::kE4m3);
  for (int i = 1; i < exponent; ++i) size *= 2;
  return size;
}

template <KvCodes kCodes>
constexpr SizeBytes bytes_of_codes() {
  SizeBytes bytes;
  for (int code = 0; code < 128; ++code) {
    const auto bits = __builtin_bit_cast(uint32_t, size_of_code<kCodes>(code));
    bytes.low[code] = static_cast<uint8_t>(bits >> 16 & 0xffU);
    bytes.high[code] = static_cast<uint8_t>(bits >> 24);
  }
  return bytes;
}

// Which bytes of (low, high) make 16 pairs: elements first + i and second + i.
struct PairBytes {
  alignas(64) uint8_t of[64] = {};
};
constexpr PairBytes pair_bytes(int first, int second) {
  PairBytes bytes;
  for (int i = 0; i < 16; ++i) {
    bytes.of[4 * i] = static_cast<uint8_t>(first + i);
    bytes.of[4 * i + 1] = static_cast<uint8_t>(64 + first + i);
    bytes.of[4 * i + 2] = static_cast<uint8_t>(second + i);
    bytes.of[4 * i + 3] = static_cast<uint8_t>(64 + second + i);
  }
  return bytes;
}

template <KvCodes kCodes>
struct LookedUpPairs : CodePairs<kCodes> {
  using Kv = typename CodePairs<kCodes>::Kv;
  // More rows than two wait for products and lookups, which share ports on Zen 4; conversions of integers do not.
  static constexpr int kMostRowsInPairs = kCodes == KvCodes::kInt8 ? 2 : QueryTile::kMaxRows;
  static constexpr SizeBytes kBytes = bytes_of_codes<kCodes>();
  static constexpr PairBytes kRows01 = pair_bytes(0, 16);
  static constexpr PairBytes kRows23 = pair_bytes(32, 48);
  static constexpr PairBytes kLeft = pair_bytes(0, 32);
  static constexpr PairBytes kRight = pair_bytes(16, 48);

  // Four rows of 16 codes, one behind another, as two vectors of pairs.
  static void load_two_steps(const std::byte* from, Kv& first, Kv& second) {
    paired(_mm512_loadu_si512(from), kRows01, kRows23, first, second);
  }
  // Two rows of 32 codes.
  static void load_two(const std::byte* from, int64_t row_bytes, Kv& first, Kv& second) {
    const __m256i row = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i next = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + row_bytes));
    paired(_mm512_inserti64x4(_mm512_castsi256_si512(row), next, 1), kLeft, kRight, first, second);
  }

 private:
  static __m512i constant(const uint8_t* bytes) { return _mm512_load_si512(bytes); }
  static void paired(__m512i codes, const PairBytes& of_first, const PairBytes& of_second, Kv& first, Kv& second) {
    const __m512i sizes = kCodes == KvCodes::kInt8 ? _mm512_abs_epi8(codes) : codes;  // a lookup ignores the last bit
    const __m512i low = _mm512_permutex2var_epi8(constant(kBytes.low), sizes, constant(kBytes.low + 64));
    const __m512i size = _mm512_permutex2var_epi8(constant(kBytes.high), sizes, constant(kBytes.high + 64));
    constexpr int kOrSign = 0xf8;  // size | (codes & sign bits)
    const __m512i high = _mm512_ternarylogic_epi32(size, codes, _mm512_set1_epi8(-128), kOrSign);
    first = _mm512_permutex2var_epi8(low, constant(of_first.of), high);
    second = _mm512_permutex2var_epi8(low, constant(of_second.of), high);
  }
};

template <typename Tier>
constexpr AttentionCodeKernels kernels_of() {
  return {.int8 = AttentionKernel<Tier, LookedUpPairs<KvCodes::kInt8>>::table(),
          .e4m3 = AttentionKernel<Tier, LookedUpPairs<KvCodes::kE4m3>>::table()};
}
constexpr AttentionCodeKernels kKernels = kernels_of<Avx512Bf16>();
constexpr AttentionCodeKernels kKernelsOfSmallL1 = kernels_of<Avx512Bf16OfSmallL1>();

}  // namespace

const AttentionCodeKernels& attention_avx512vbmi(bool has_small_l1) {
  return has_small_l1 ? kKernelsOfSmallL1 : kKernels;
}

}  // namespace braid::cpu
