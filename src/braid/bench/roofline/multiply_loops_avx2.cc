// AVX2's fused multiply-add; bfloat16 weights are widened in registers. And its products of integers. Tested by
// multiply_loops_test.cc.
#include <immintrin.h>

#include "braid/bench/roofline/multiply_loops_avx2_inl.h"

namespace braid::bench {
namespace {

struct Avx2Step {
  using Sums = __m256;
  using Line = __m256i;
  using Term = __m256;
  static constexpr int kRows = 6;
  static constexpr int kFactors = 1;
  static constexpr int kSums = 8;
  static constexpr int64_t kLineBytes = 32;
  static constexpr double kFlops = 2.0 * 8;
  static constexpr const char* kInstruction = "fused multiply-adds of 256 bits";
  static constexpr bool kHasFloatRows = true;
  static inline __attribute__((always_inline)) __m256i load(const std::byte* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static inline __attribute__((always_inline)) __m256 factor(const std::byte* from) {
    return _mm256_broadcast_ss(reinterpret_cast<const float*>(from));
  }
  static inline __attribute__((always_inline)) __m256 multiply_add(__m256 sums, __m256 factor, __m256 term) {
    return _mm256_fmadd_ps(factor, term, sums);
  }
  static inline __attribute__((always_inline)) void keep(__m256&) {}
  static inline __attribute__((always_inline)) __m256 load_sums(const float* from) { return _mm256_loadu_ps(from); }
  static inline __attribute__((always_inline)) void store_sums(__m256 sums, float* to) { _mm256_storeu_ps(to, sums); }
};

struct Avx2Bf16Step : Avx2Step {
  static constexpr int kTerms = 2;
  static inline __attribute__((always_inline)) __m256 term(__m256i line, int index) {
    return _mm256_castsi256_ps(index == 0 ? _mm256_and_si256(line, _mm256_set1_epi32(-65536))
                                          : _mm256_slli_epi32(line, 16));
  }
};

struct Avx2F32Step : Avx2Step {
  static constexpr int kTerms = 1;
  static inline __attribute__((always_inline)) __m256 term(__m256i line, int) { return _mm256_castsi256_ps(line); }
};

struct Avx2PairsStep : Avx2IntegerStep {
  static constexpr double kFlops = 2.0 * 16;
  static constexpr int kIntegerBytes = 2;
  static constexpr const char* kInstruction = "vpmaddwd and additions of 256 bits";
  static inline __attribute__((always_inline)) __m256i multiply_add(__m256i sums, __m256i factor, __m256i term) {
    __m256i products;  // hidden, so that the compiler does not share the products of equal operands among rows
    asm volatile("vpmaddwd %2, %1, %0" : "=x"(products) : "x"(factor), "x"(term));
    return _mm256_add_epi32(sums, products);
  }
};

// Bytes: sums of 16 bits take the products of 8 lines, as many as codes of 4 bits allow, and then go to sums of 32
// bits.
constexpr int kByteRows = 3;  // with two registers of both sums each
constexpr int kByteLines = 8;
constexpr double kByteFlops = 2.0 * 32 * 2 * kByteRows * kByteLines;

// weights(line, side) returns 32 bytes, factor(line, row) four codes of a row, eight times.
template <typename Weights, typename Factor>
inline __attribute__((always_inline)) void multiply_bytes(const Weights& weights, const Factor& factor,
                                                          __m256i (&sums)[kByteRows][2]) {
  __m256i halves[kByteRows][2];
#pragma GCC unroll 8
  for (int line = 0; line < kByteLines; ++line) {
    const __m256i sides[2] = {weights(line, 0), weights(line, 1)};
#pragma GCC unroll 3
    for (int row = 0; row < kByteRows; ++row) {
      const __m256i codes = factor(line, row);
#pragma GCC unroll 2
      for (int side = 0; side < 2; ++side) {
        const __m256i products = _mm256_maddubs_epi16(sides[side], codes);
        halves[row][side] = line == 0 ? products : _mm256_add_epi16(halves[row][side], products);
        asm volatile("" : "+x"(halves[row][side]));  // else g++ adds in an order that takes more registers
      }
    }
  }
#pragma GCC unroll 3
  for (int row = 0; row < kByteRows; ++row) {
#pragma GCC unroll 2
    for (int side = 0; side < 2; ++side) {
      const __m256i words = _mm256_madd_epi16(halves[row][side], _mm256_set1_epi16(1));
      sums[row][side] = _mm256_add_epi32(sums[row][side], words);
    }
  }
}

template <typename Loop>
double with_byte_sums(float* floats, const Loop& loop) {
  __m256i sums[kByteRows][2];
#pragma GCC unroll 6
  for (int i = 0; i < 2 * kByteRows; ++i) sums[i / 2][i % 2] = Avx2IntegerStep::load_sums(floats + i * 8);
  const double operations = loop(sums);
#pragma GCC unroll 6
  for (int i = 0; i < 2 * kByteRows; ++i) Avx2IntegerStep::store_sums(sums[i / 2][i % 2], floats + i * 8);
  return operations;
}

double multiply_byte_registers(const MultiplyOperands& operands, int64_t passes, float* floats) {
  return with_byte_sums(floats, [&](__m256i(&sums)[kByteRows][2]) {
    __m256i factor = Avx2IntegerStep::factor(operands.rows);
    const __m256i sides[2] = {Avx2IntegerStep::load(operands.weights), Avx2IntegerStep::load(operands.weights + 32)};
    for (int64_t pass = 0; pass < passes; ++pass) {
      multiply_bytes([&](int, int side) { return sides[side]; },
                     [&](int, int) {
                       Avx2IntegerStep::keep(factor);
                       return factor;
                     },
                     sums);
    }
    return kByteFlops * static_cast<double>(passes);
  });
}

double multiply_cached_bytes(const MultiplyOperands& operands, int64_t passes, float* floats) {
  constexpr int64_t kStepBytes = int64_t{kByteLines} * 64;
  static_assert(kWeightBytesStep % kStepBytes == 0);
  return with_byte_sums(floats, [&](__m256i(&sums)[kByteRows][2]) {
    for (int64_t pass = 0; pass < passes; ++pass) {
      for (int64_t at = 0; at < operands.weight_bytes; at += kStepBytes) {
        const std::byte* lines = operands.weights + at;
        const std::byte* rows = operands.rows + at % kWeightBytesStep / kStepBytes * (kByteLines * kByteRows * 4);
        multiply_bytes([&](int line, int side) { return Avx2IntegerStep::load(lines + line * 64 + side * 32); },
                       [&](int line, int row) { return Avx2IntegerStep::factor(rows + (line * kByteRows + row) * 4); },
                       sums);
      }
    }
    return kByteFlops * static_cast<double>(operands.weight_bytes / kStepBytes * passes);
  });
}

}  // namespace

MultiplyLoops avx2_bf16_loops() {
  return loops_of<Avx2Bf16Step>();
}

MultiplyLoops avx2_f32_loops() {
  return loops_of<Avx2F32Step>();
}

MultiplyLoops avx2_integer_loops() {
  return loops_of<Avx2PairsStep>();
}

MultiplyLoops avx2_few_bits_loops() {
  return {.instruction = "vpmaddubsw, vpmaddwd and additions of 256 bits",
          .has_float_rows = false,
          .integer_bytes = 1,
          .from_registers = multiply_byte_registers,
          .from_cache = multiply_cached_bytes};
}

}  // namespace braid::bench
