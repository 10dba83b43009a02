// What gated feed-forward blocks make of a gate's and an up's sums. Plain loops that the compiler vectorises with the
// including tier's flags. Nothing depends on the vector width, so all tiers produce the same bits. Included only by the
// tiers' files; each gets its own copy (matmul_tier.h says why). Tested by kernels/matmul_test.cc and
// kernels/elementwise_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "braid/kernels/cpu/matmul_tier.h"

namespace braid::cpu {
namespace {

// exp(x) for x in [-87, 88], clamped to that range: x = n ln2 + r, |r| <= ln2 / 2, and r's Taylor series to the 7th
// power (error below 1e-7 of the value). Multiplications and additions in this order, none fused.
inline float exp_of(float x) {
  constexpr float kLowest = -87.0F;
  constexpr float kHighest = 88.0F;
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 x 2^23: adding it rounds to an integer
  x = x > kLowest ? x : kLowest;
  x = x < kHighest ? x : kHighest;
  const float n = (x * kLog2E + kRound) - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const int32_t bits = __builtin_bit_cast(int32_t, p) + (static_cast<int32_t>(n) << 23);
  return __builtin_bit_cast(float, bits);
}

inline float silu(float x) {
  return x / (1.0F + exp_of(-x));
}

// (x / 2)(1 + tanh(z)), z = sqrt(2 / pi)(x + 0.044715 x³), is x · sigmoid(2z).
inline float gelu(float x) {
  constexpr float kTwiceSqrt2OverPi = 1.59576912F;
  return x / (1.0F + exp_of(-(kTwiceSqrt2OverPi * (x + 0.044715F * x * x * x))));
}

inline float clamped_swiglu(float gate, float up) {
  constexpr float kLimit = 7.0F;
  constexpr float kAlpha = 1.702F;
  // In this order a NaN is kept.
  gate = gate > kLimit ? kLimit : gate;
  up = up > kLimit ? kLimit : up;
  up = up < -kLimit ? -kLimit : up;
  return gate / (1.0F + exp_of(-(kAlpha * gate))) * (up + 1.0F);
}

// to_bfloat16 of tensor/dtype.h, without a branch.
inline uint16_t round_to_bf16(float value) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  const uint32_t quiet_nan = (bits >> 16) | 0x0040U;
  return static_cast<uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? quiet_nan : rounded);
}

// y = act(gate) * up for `cols` columns (a constant where inlined so); `output` is one of the gated kinds.
inline __attribute__((always_inline)) void finish_gated(OutputKind output, const float* gate, const float* up,
                                                        std::byte* y, int64_t cols) {
  auto* floats = reinterpret_cast<float*>(y);
  auto* halves = reinterpret_cast<uint16_t*>(y);
  switch (output) {
    case OutputKind::kSiluMulF32:
      for (int64_t i = 0; i < cols; ++i) floats[i] = silu(gate[i]) * up[i];
      break;
    case OutputKind::kSiluMulBf16:
      for (int64_t i = 0; i < cols; ++i) halves[i] = round_to_bf16(silu(gate[i]) * up[i]);
      break;
    case OutputKind::kGeluMulF32:
      for (int64_t i = 0; i < cols; ++i) floats[i] = gelu(gate[i]) * up[i];
      break;
    case OutputKind::kGeluMulBf16:
      for (int64_t i = 0; i < cols; ++i) halves[i] = round_to_bf16(gelu(gate[i]) * up[i]);
      break;
    case OutputKind::kClampedSwigluMulF32:
      for (int64_t i = 0; i < cols; ++i) floats[i] = clamped_swiglu(gate[i], up[i]);
      break;
    case OutputKind::kClampedSwigluMulBf16:
      for (int64_t i = 0; i < cols; ++i) halves[i] = round_to_bf16(clamped_swiglu(gate[i], up[i]));
      break;
    default:
      break;
  }
}

}  // namespace
}  // namespace braid::cpu
