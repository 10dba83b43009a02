// The work on single rows, one table of functions per tier. All tiers compile the same plain loops (row_kernels_inl.h)
// for their instructions. Sums run in 32 lanes in every tier, and nothing is contracted to fused multiply-adds, so that
// all tiers produce the same bits. Tested by kernels/norm_rope_test.cc,
// kernels/elementwise_test.cc and kernels/write_kv_test.cc in every tier.
#pragma once

#include <cstdint>

#include "braid/kernels/cpu/matmul_tier.h"
#include "braid/kernels/isa.h"
#include "braid/tensor/dtype.h"

namespace braid::cpu {

struct RowKernels {
  // y = x / sqrt(mean(x²) + eps) * weight; x and y may be the same row.
  void (*rms_norm)(const float* x, const float* weight, int64_t n, float eps, float* y);
  void (*rms_norm_to_bfloat16)(const float* x, const float* weight, int64_t n, float eps, BFloat16* y);
  // y = (x - mean(x)) / sqrt(variance(x) + eps) * weight + bias.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* y);
  void (*layer_norm_to_bfloat16)(const float* x, const float* weight, const float* bias, int64_t n, float eps,
                                 BFloat16* y);
  // In place on `num_heads` heads; cos and sin: [head_dim / 2].
  void (*rope)(float* x, int64_t num_heads, int64_t head_dim, const float* cos, const float* sin);

  void (*add)(const float* x, int64_t n, float* y);                       // y += x
  void (*scale)(const float* x, float factor, int64_t n, float* y);       // y = factor * x
  void (*add_scaled)(const float* x, float factor, int64_t n, float* y);  // y += factor * x
  void (*soft_cap)(float* x, float cap, int64_t n);                       // x = cap * tanh(x / cap)
  // GELU by tanh and by erf; x and y may be the same row.
  void (*gelu_tanh)(const float* x, int64_t n, float* y);
  void (*gelu_tanh_to_bfloat16)(const float* x, int64_t n, BFloat16* y);
  void (*gelu_erf)(const float* x, int64_t n, float* y);
  void (*gelu_erf_to_bfloat16)(const float* x, int64_t n, BFloat16* y);
  // act(gate) * up; `output` is one of the gated kinds.
  void (*gated)(OutputKind output, const float* gate, const float* up, int64_t n, std::byte* y);
  void (*to_bfloat16)(const float* x, int64_t n, BFloat16* y);  // nearest even
  void (*from_bfloat16)(const BFloat16* x, int64_t n, float* y);

  // For codes of keys and values (kv_layout.h): the largest size's bits, as an unsigned integer; x times `inverse`,
  // rounded to int8 or, saturating, to E4M3.
  uint32_t (*largest_bits)(const float* x, int64_t n);
  void (*to_int8)(const float* x, float inverse, int64_t n, uint8_t* y);
  void (*to_e4m3)(const float* x, float inverse, int64_t n, uint8_t* y);

  float (*max)(const float* x, int64_t n);  // n >= 1; a NaN is never the largest
  // y = exp(x - max), max being x's largest value; returns the sum of y.
  float (*exp_below)(const float* x, float max, int64_t n, float* y);
};

const RowKernels& row_kernels(CpuIsa isa);

// One for each translation unit with a tier's compiler flags.
const RowKernels& row_kernels_portable();
const RowKernels& row_kernels_avx2();
const RowKernels& row_kernels_avx512();

}  // namespace braid::cpu
