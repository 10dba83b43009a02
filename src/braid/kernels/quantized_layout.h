// The panels' layout for a format. Tested by kernels/quantized_packing_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/kernels/quantized_panels.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {

// How a product with quantized weights treats its rows. It belongs to the matrix, so that a row's bits never depend on
// how many rows there are.
enum class ActivationBits : uint8_t {
  // The weights are widened to the rows' type (bfloat16: rounded to nearest even), stretch by stretch, in the cache:
  // the bits of a product with the same weights packed in that type.
  kExact,
  // Rows are rounded to 8 bits, by 32 k; integer products. For each 32 k of a row: m is the element of the largest
  // magnitude (of m and -m the positive one), which has the code -128. scale = -m / 128, q = min(127, round to even(x *
  // (-128 / m))). If |m| < 2^-100 all are 0; if any is not finite the scale is NaN. Each sum begins at 0. For each
  // stretch of min(group, 32) inputs, in order of k:
  //   sum = fma(float(Σ (code - zero) · q), weights' scale · scale, sum)
  //   sum = fma(minimum, scale · float(Σ q), sum)                         with minimums only
  // The sums of integers are exact, so all tiers have the same bits.
  k8,
  // The same with two codes for each input, about 16 bits: what the first leaves, x * (-128 / m) - q (float32), is
  // rounded to the second: q2 = min(127, round to even(127 * rest)), with the scale scale / 127. Either has a sum as
  // above; the product is their sum.
  k16,
};

// "8", "16" or "exact"
std::string_view activation_bits_name(ActivationBits activations);

// A code's value must be an integer: all formats but E4M3 have it. Others take exact rows.
bool allows_rounded_rows(const QuantizedFormat& format);

// CHECKs that the format is one that quantized_rows.h describes.
QuantizedPanels quantized_panels(const QuantizedFormat& format, int64_t k);

}  // namespace braid
