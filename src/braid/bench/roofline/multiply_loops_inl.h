// The loops over vector registers, for a tier's Step. Included only by the tiers' files; each gets its own copy.
//
// A Step has
//   Sums, Line, Term         registers: of sums; of weights (kLineBytes); and a multiply-add's part of a line
//   kRows                    rows whose sums, two registers each, stay in registers
//   kFactors                 rows that have a factor of their own when all operands are in registers
//   kTerms                   multiply-adds of a line for one row
//   kFlops                   of a multiply-add
//   kInstruction, kHasFloatRows; kIntegerBytes if it multiplies integers
//   load(bytes), term(line, index), factor(bytes of one row's element), multiply_add(sums, factor, term)
//   load_sums(floats), store_sums(sums, floats)   one register of sums, kSums floats
//   keep(factor)             hides the factor's value from the compiler
#pragma once

#include "braid/bench/roofline/multiply_loops.h"

namespace braid::bench {
namespace {

// Sums start from values unknown to the compiler, so that it cannot merge two of them.
template <typename Step>
void load_rows(const float* sums, typename Step::Sums (&c)[Step::kRows][2]) {
#pragma GCC unroll 12
  for (int row = 0; row < Step::kRows; ++row) {
    c[row][0] = Step::load_sums(sums + 2 * row * Step::kSums);
    c[row][1] = Step::load_sums(sums + (2 * row + 1) * Step::kSums);
  }
}

template <typename Step>
void store_rows(const typename Step::Sums (&c)[Step::kRows][2], float* sums) {
#pragma GCC unroll 12
  for (int row = 0; row < Step::kRows; ++row) {
    Step::store_sums(c[row][0], sums + 2 * row * Step::kSums);
    Step::store_sums(c[row][1], sums + (2 * row + 1) * Step::kSums);
  }
}

template <typename Step>
double multiply_registers(const MultiplyOperands& operands, int64_t passes, float* sums) {
  constexpr int kRows = Step::kRows;
  constexpr int kFactors = Step::kFactors;
  decltype(Step::factor(operands.rows)) factors[kFactors];
#pragma GCC unroll 4
  for (int i = 0; i < kFactors; ++i) factors[i] = Step::factor(operands.rows + 4 * i);
  const typename Step::Term left = Step::term(Step::load(operands.weights), 0);
  const typename Step::Term right = Step::term(Step::load(operands.weights + Step::kLineBytes), 0);
  typename Step::Sums c[kRows][2];
  load_rows<Step>(sums, c);
  for (int64_t pass = 0; pass < passes; ++pass) {
#pragma GCC unroll 4
    for (int i = 0; i < kFactors; ++i) Step::keep(factors[i]);
#pragma GCC unroll 12
    for (int row = 0; row < kRows; ++row) {
      c[row][0] = Step::multiply_add(c[row][0], factors[row % kFactors], left);
      c[row][1] = Step::multiply_add(c[row][1], factors[row % kFactors], right);
    }
  }
  store_rows<Step>(c, sums);
  return Step::kFlops * 2 * kRows * static_cast<double>(passes);
}

// 16 steps of two lines of weights; each line is multiplied by an element of every row.
template <typename Step>
double multiply_cached(const MultiplyOperands& operands, int64_t passes, float* sums) {
  constexpr int kRows = Step::kRows;
  constexpr int64_t kSteps = 16;
  static_assert(kSteps * Step::kTerms * kRows * 4 <= kRowBytes);
  static_assert(kWeightBytesStep % (kSteps * 2 * Step::kLineBytes) == 0);
  typename Step::Sums c[kRows][2];
  load_rows<Step>(sums, c);
  for (int64_t pass = 0; pass < passes; ++pass) {
    for (int64_t at = 0; at < operands.weight_bytes; at += kSteps * 2 * Step::kLineBytes) {
      const std::byte* element = operands.rows;
      const std::byte* line = operands.weights + at;
#pragma GCC unroll 4
      for (int64_t step = 0; step < kSteps; ++step, line += 2 * Step::kLineBytes) {
        const typename Step::Line lines[2] = {Step::load(line), Step::load(line + Step::kLineBytes)};
#pragma GCC unroll 2
        for (int index = 0; index < Step::kTerms; ++index) {
          const typename Step::Term left = Step::term(lines[0], index);
          const typename Step::Term right = Step::term(lines[1], index);
#pragma GCC unroll 12
          for (int row = 0; row < kRows; ++row, element += 4) {
            const auto factor = Step::factor(element);
            c[row][0] = Step::multiply_add(c[row][0], factor, left);
            c[row][1] = Step::multiply_add(c[row][1], factor, right);
          }
        }
      }
    }
  }
  store_rows<Step>(c, sums);
  const double lines = static_cast<double>(operands.weight_bytes / Step::kLineBytes * passes);
  return Step::kFlops * Step::kTerms * kRows * lines;
}

template <typename Step>
constexpr int integer_bytes_of() {
  if constexpr (requires { Step::kIntegerBytes; }) return Step::kIntegerBytes;
  return 0;
}

template <typename Step>
MultiplyLoops loops_of() {
  return {.instruction = Step::kInstruction,
          .has_float_rows = Step::kHasFloatRows,
          .integer_bytes = integer_bytes_of<Step>(),
          .from_registers = multiply_registers<Step>,
          .from_cache = multiply_cached<Step>};
}

}  // namespace
}  // namespace braid::bench
