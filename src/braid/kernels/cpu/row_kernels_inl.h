// The bodies of RowKernels, included by one source file per tier. Everything here has internal linkage and calls no
// inline function of another header: the linker would keep one copy of it, perhaps with a higher tier's instructions.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "braid/kernels/cpu/gated_inl.h"
#include "braid/kernels/cpu/row_kernels.h"

namespace braid::cpu {
namespace {

constexpr int kLanes = 8;  // of one vector; a sum's 32 lanes are four of these
using Floats = float __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

// The sum of 32 lanes, halved each time.
float sum_lanes(const Floats (&lanes)[4]) {
  float values[kLanes];
  for (int i = 0; i < kLanes; ++i) values[i] = (lanes[0][i] + lanes[2][i]) + (lanes[1][i] + lanes[3][i]);
  return ((values[0] + values[4]) + (values[2] + values[6])) + ((values[1] + values[5]) + (values[3] + values[7]));
}

float sum_of_squares(const float* x, int64_t n) {
  Floats lanes[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) {
      const Floats value = *reinterpret_cast<const Floats*>(x + i + j * kLanes);
      lanes[j] += value * value;
    }
  }
  for (int64_t j = 0; i < n; ++i, ++j) lanes[j / kLanes][j % kLanes] += x[i] * x[i];
  return sum_lanes(lanes);
}

float sum(const float* x, int64_t n) {
  Floats lanes[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) lanes[j] += *reinterpret_cast<const Floats*>(x + i + j * kLanes);
  }
  for (int64_t j = 0; i < n; ++i, ++j) lanes[j / kLanes][j % kLanes] += x[i];
  return sum_lanes(lanes);
}

float inverse_root(const float* x, int64_t n, float eps) {
  return 1.0F / __builtin_sqrtf(sum_of_squares(x, n) / static_cast<float>(n) + eps);
}

// Like to_bfloat16 in tensor/dtype.h, but without branches, so that it vectorises.
uint16_t round_to_bfloat16(float value) {
  const auto bits = __builtin_bit_cast(uint32_t, value);
  const uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  const uint32_t quiet = (bits >> 16) | 0x0040U;
  return static_cast<uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? quiet : rounded);
}

// exp for x <= 0: 2^n · p(f) with x = n·ln 2 + f, p a polynomial of degree 6 (Cephes' expf), about 1 ulp. Zero below
// -87.
float exp_nonpositive(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 · 2^23: adding it rounds to an integer
  const float clamped = x < -88.0F ? -88.0F : x;
  const float n = (clamped * 1.44269504F + kRound) - kRound;
  const float f = (clamped - n * 0.693359375F) - n * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * f + 1.3981999507e-3F;
  p = p * f + 8.3334519073e-3F;
  p = p * f + 4.1665795894e-2F;
  p = p * f + 1.6666665459e-1F;
  p = p * f + 5.0000001201e-1F;
  p = (p * (f * f) + f) + 1.0F;
  const int32_t exponent = static_cast<int32_t>(n) + 127;
  const float power = __builtin_bit_cast(float, exponent << 23);
  return x < -87.0F ? 0.0F : p * power;
}

void rms_norm(const float* x, const float* weight, int64_t n, float eps, float* y) {
  const float factor = inverse_root(x, n, eps);
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * factor * weight[i];
}

void rms_norm_to_bfloat16(const float* x, const float* weight, int64_t n, float eps, BFloat16* y) {
  const float factor = inverse_root(x, n, eps);
  for (int64_t i = 0; i < n; ++i) y[i].bits = round_to_bfloat16(x[i] * factor * weight[i]);
}

// The mean first, then the variance around it: a sum of squares alone cancels where the mean is large.
struct MeanAndFactor {
  float mean;
  float factor;
};
MeanAndFactor mean_and_factor(const float* x, int64_t n, float eps) {
  const float mean = sum(x, n) / static_cast<float>(n);
  Floats lanes[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) {
      const Floats value = *reinterpret_cast<const Floats*>(x + i + j * kLanes) - mean;
      lanes[j] += value * value;
    }
  }
  for (int64_t j = 0; i < n; ++i, ++j) lanes[j / kLanes][j % kLanes] += (x[i] - mean) * (x[i] - mean);
  return {.mean = mean, .factor = 1.0F / __builtin_sqrtf(sum_lanes(lanes) / static_cast<float>(n) + eps)};
}

void layer_norm(const float* x, const float* weight, const float* bias, int64_t n, float eps, float* y) {
  const MeanAndFactor of_row = mean_and_factor(x, n, eps);
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - of_row.mean) * of_row.factor * weight[i] + bias[i];
}

void layer_norm_to_bfloat16(const float* x, const float* weight, const float* bias, int64_t n, float eps, BFloat16* y) {
  const MeanAndFactor of_row = mean_and_factor(x, n, eps);
  for (int64_t i = 0; i < n; ++i) {
    y[i].bits = round_to_bfloat16((x[i] - of_row.mean) * of_row.factor * weight[i] + bias[i]);
  }
}

void rope(float* x, int64_t num_heads, int64_t head_dim, const float* cos, const float* sin) {
  const int64_t half = head_dim / 2;
  for (int64_t head = 0; head < num_heads; ++head) {
    float* __restrict first = x + head * head_dim;
    float* __restrict second = first + half;
    for (int64_t i = 0; i < half; ++i) {
      const float a = first[i];
      const float b = second[i];
      first[i] = a * cos[i] - b * sin[i];
      second[i] = b * cos[i] + a * sin[i];
    }
  }
}

void add(const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

void scale(const float* x, float factor, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = factor * x[i];
}

void add_scaled(const float* x, float factor, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

// tanh(z) = sign(z)(1 - t)/(1 + t), t = exp(-2 |z|): absolute error 1e-7.
void soft_cap(float* x, float cap, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float z = x[i] / cap;
    const float t = exp_nonpositive(-2.0F * __builtin_fabsf(z));
    x[i] = cap * __builtin_copysignf((1.0F - t) / (1.0F + t), z);
  }
}

// (x / 2)(1 + tanh(z)), z = sqrt(2 / pi)(x + 0.044715 x³), is x · sigmoid(2z).
float gelu_by_tanh(float x) {
  constexpr float kTwiceSqrt2OverPi = 1.59576912F;
  const float u = kTwiceSqrt2OverPi * (x + 0.044715F * x * x * x);
  const float t = exp_nonpositive(-__builtin_fabsf(u));
  return x * ((u < 0 ? t : 1.0F) / (1.0F + t));
}

// x · erfc(-x / sqrt(2)) / 2. With z = |x| / sqrt(2) and t = 1 / (1 + z / 2), erfc(z) = exp(-z²) · t · p(t), p fitted
// to a relative error of 2e-8 on z in [0, 10].
float gelu_by_erf(float x) {
  const float z = __builtin_fabsf(x) * 0.707106781F;
  const float t = 1.0F / (1.0F + 0.5F * z);
  float p = 0.012283610F;
  p = p * t - 0.12325335F;
  p = p * t + 0.42892548F;
  p = p * t - 0.67001891F;
  p = p * t + 0.42127162F;
  p = p * t - 0.098316364F;
  p = p * t + 0.22554147F;
  p = p * t + 0.23864491F;
  p = p * t + 0.28285703F;
  p = p * t + 0.28206450F;
  const float half_of_tail = 0.5F * (exp_nonpositive(-z * z) * (t * p));
  return x * (x < 0 ? half_of_tail : 1.0F - half_of_tail);
}

void gelu_tanh(const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = gelu_by_tanh(x[i]);
}

void gelu_tanh_to_bfloat16(const float* x, int64_t n, BFloat16* y) {
  for (int64_t i = 0; i < n; ++i) y[i].bits = round_to_bfloat16(gelu_by_tanh(x[i]));
}

void gelu_erf(const float* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = gelu_by_erf(x[i]);
}

void gelu_erf_to_bfloat16(const float* x, int64_t n, BFloat16* y) {
  for (int64_t i = 0; i < n; ++i) y[i].bits = round_to_bfloat16(gelu_by_erf(x[i]));
}

void gated_row(OutputKind output, const float* gate, const float* up, int64_t n, std::byte* y) {
  finish_gated(output, gate, up, y, n);
}

void to_bfloat16_row(const float* x, int64_t n, BFloat16* y) {
  for (int64_t i = 0; i < n; ++i) y[i].bits = round_to_bfloat16(x[i]);
}

void from_bfloat16_row(const BFloat16* x, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = __builtin_bit_cast(float, static_cast<uint32_t>(x[i].bits) << 16);
}

uint32_t largest_bits_of(const float* x, int64_t n) {
  uint32_t largest = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t size = __builtin_bit_cast(uint32_t, x[i]) & 0x7fffffffU;
    largest = size > largest ? size : largest;
  }
  return largest;
}

constexpr float kRoundToInteger = 12582912.0F;  // 1.5 · 2^23: after adding it the low bits are the integer

void to_int8_row(const float* x, float inverse, int64_t n, uint8_t* y) {
  for (int64_t i = 0; i < n; ++i) {
    y[i] = static_cast<uint8_t>(__builtin_bit_cast(uint32_t, x[i] * inverse + kRoundToInteger));
  }
}

// Like to_e4m3 in tensor/float8.h, but without branches, so that it vectorises.
void to_e4m3_row(const float* x, float inverse, int64_t n, uint8_t* y) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = __builtin_bit_cast(uint32_t, x[i] * inverse);
    const float any_size = __builtin_bit_cast(float, bits & 0x7fffffffU);
    const float size = any_size < 448.0F ? any_size : 448.0F;
    const uint32_t magnitude = __builtin_bit_cast(uint32_t, size);
    const uint32_t normal = ((magnitude + 0x7ffffU + ((magnitude >> 20) & 1U)) >> 20) - (120U << 3);
    const uint32_t subnormal = __builtin_bit_cast(uint32_t, size * 512.0F + kRoundToInteger) & 15U;
    y[i] = static_cast<uint8_t>((size < 0.015625F ? subnormal : normal) | (bits >> 24 & 0x80U));
  }
}

float max_of(const float* x, int64_t n) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  Floats lanes[4];
  for (Floats& lane : lanes) lane = Floats{} + kLowest;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int j = 0; j < 4; ++j) {
      const Floats value = *reinterpret_cast<const Floats*>(x + i + j * kLanes);
      lanes[j] = value > lanes[j] ? value : lanes[j];
    }
  }
  float max = kLowest;
  for (const Floats& lane : lanes) {
    for (int j = 0; j < kLanes; ++j) max = lane[j] > max ? lane[j] : max;
  }
  for (; i < n; ++i) max = x[i] > max ? x[i] : max;
  return max;
}

float exp_below(const float* x, float max, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = exp_nonpositive(x[i] - max);
  return sum(y, n);
}

constexpr RowKernels kRowKernels = {
    .rms_norm = rms_norm,
    .rms_norm_to_bfloat16 = rms_norm_to_bfloat16,
    .layer_norm = layer_norm,
    .layer_norm_to_bfloat16 = layer_norm_to_bfloat16,
    .rope = rope,
    .add = add,
    .scale = scale,
    .add_scaled = add_scaled,
    .soft_cap = soft_cap,
    .gelu_tanh = gelu_tanh,
    .gelu_tanh_to_bfloat16 = gelu_tanh_to_bfloat16,
    .gelu_erf = gelu_erf,
    .gelu_erf_to_bfloat16 = gelu_erf_to_bfloat16,
    .gated = gated_row,
    .to_bfloat16 = to_bfloat16_row,
    .from_bfloat16 = from_bfloat16_row,
    .largest_bits = largest_bits_of,
    .to_int8 = to_int8_row,
    .to_e4m3 = to_e4m3_row,
    .max = max_of,
    .exp_below = exp_below,
};

}  // namespace
}  // namespace braid::cpu
