// Quantized weights of every kind that checkpoints have, from a seed.
#pragma once

#include <bit>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "braid/tensor/dtype.h"
#include "braid/tensor/quantized_rows.h"

namespace braid::testing {

struct NamedFormat {
  std::string name;
  QuantizedFormat format;
  double file_bits = 0;  // of a weight in a checkpoint, for long rows
};

inline std::vector<NamedFormat> quantized_formats() {
  using Values = QuantizedFormat::Values;
  using Scales = QuantizedFormat::Scales;
  using Offsets = QuantizedFormat::Offsets;
  constexpr std::array<int8_t, 16> kIq4 = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  constexpr std::array<int8_t, 16> kMxfp4 = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
  const auto zeros = [](int32_t bits, int32_t zero, Scales scales, int32_t group) {
    return QuantizedFormat{.scales = scales, .bits = bits, .fixed_zero = zero, .group = group};
  };
  const auto group_zeros = [](int32_t bits, Scales scales, int32_t group) {
    return QuantizedFormat{.scales = scales, .offsets = Offsets::kGroupZeros, .bits = bits, .group = group};
  };
  const auto minimums = [](int32_t bits, Scales scales, int32_t group, int32_t super_group, int32_t sub_bits = 8) {
    return QuantizedFormat{.scales = scales,
                           .offsets = Offsets::kMinimums,
                           .bits = bits,
                           .group = group,
                           .super_group = super_group,
                           .sub_scale_bits = sub_bits};
  };
  const auto two_levels = [](int32_t bits, int32_t zero, int32_t group, int32_t super_group) {
    return QuantizedFormat{.scales = Scales::kFloat16TimesS8,
                           .bits = bits,
                           .fixed_zero = zero,
                           .group = group,
                           .super_group = super_group};
  };
  QuantizedFormat iq4_nl = {.values = Values::kTable, .table = kIq4};
  QuantizedFormat iq4_xs = {
      .values = Values::kTable, .scales = Scales::kFloat16TimesS8, .super_group = 256, .table = kIq4};
  QuantizedFormat mxfp4 = {.values = Values::kTable, .scales = Scales::kE8m0, .table = kMxfp4, .table_unit = 0.5F};
  QuantizedFormat fp8 = {.values = Values::kE4m3, .scales = Scales::kFloat32, .bits = 8, .group = 128};
  QuantizedFormat fp8_by_row = {.values = Values::kE4m3, .scales = Scales::kBFloat16, .bits = 8, .group = 4096};
  return {
      {"q4_0", zeros(4, 8, Scales::kFloat16, 32), 4.5},
      {"q5_0", zeros(5, 16, Scales::kFloat16, 32), 5.5},
      {"q8_0", zeros(8, 128, Scales::kFloat16, 32), 8.5},
      {"q4_1", minimums(4, Scales::kFloat16, 32, 0), 5},
      {"q5_1", minimums(5, Scales::kFloat16, 32, 0), 6},
      {"q2_k", minimums(2, Scales::kFloat16TimesU8, 16, 256, 4), 2.625},
      {"q3_k", two_levels(3, 4, 16, 256), 3.4375},
      {"q4_k", minimums(4, Scales::kFloat16TimesU8, 32, 256, 6), 4.5},
      {"q4_k of a cut super-block", minimums(4, Scales::kFloat16TimesU8, 32, 32, 6), 0},
      {"q5_k", minimums(5, Scales::kFloat16TimesU8, 32, 256, 6), 5.5},
      {"q6_k", two_levels(6, 32, 16, 256), 6.5625},
      {"iq4_nl", iq4_nl, 4.5},
      {"iq4_xs", iq4_xs, 4.25},
      {"mxfp4", mxfp4, 4.25},
      {"gptq 4 bits", group_zeros(4, Scales::kFloat16, 128), 4.15625},
      {"gptq 8 bits", group_zeros(8, Scales::kFloat16, 32), 8.75},
      {"awq by column", group_zeros(4, Scales::kBFloat16, 4096), 0},
      {"w4a16", zeros(4, 8, Scales::kBFloat16, 64), 4.25},
      {"zeros by 16", group_zeros(6, Scales::kFloat32, 16), 0},
      {"minimums by 16", minimums(8, Scales::kBFloat16, 16, 0), 0},
      {"w8a8", zeros(8, 128, Scales::kFloat32, 4096), 8},
      {"3 bits by 32", zeros(3, 3, Scales::kFloat32, 32), 0},
      {"2 bits by 64", zeros(2, 0, Scales::kFloat16, 64), 0},
      {"fp8 by blocks", fp8, 8},
      {"fp8 by row", fp8_by_row, 8},
  };
}

inline bool is_e4m3(const QuantizedFormat& format) {
  return format.values == QuantizedFormat::Values::kE4m3;
}

// A value that the format's scales can have, around 1 / 64.
inline float random_scale(std::mt19937& random, const QuantizedFormat& format) {
  const float value = std::normal_distribution<float>()(random) / 64;
  switch (format.scales) {
    case QuantizedFormat::Scales::kFloat32:
      return value;
    case QuantizedFormat::Scales::kBFloat16:
      return to_float(to_bfloat16(value));
    case QuantizedFormat::Scales::kE8m0:
      return std::ldexp(1.0F, static_cast<int>(random() % 12) - 10);
    default: {
      const auto bits = std::bit_cast<uint16_t>(static_cast<_Float16>(value));
      // One in eight is subnormal as float16.
      return to_float(Float16{static_cast<uint16_t>(random() % 8 == 0 ? bits & 0x83ffU : bits)});
    }
  }
}

inline QuantizedRows random_quantized(const QuantizedFormat& format, int64_t rows, int64_t cols, uint32_t seed) {
  std::mt19937 random(seed);
  QuantizedRows result(format, rows, cols);
  const auto draw = [&](auto& values, int64_t of_row, const auto& value) {
    values.resize(static_cast<size_t>(rows * of_row));
    for (auto& each : values) each = static_cast<std::decay_t<decltype(each)>>(value());
  };
  const bool is_signed = format.scales == QuantizedFormat::Scales::kFloat16TimesS8;
  const auto sub = [&] {
    const int all = 1 << format.sub_scale_bits;
    return static_cast<int>(random() % static_cast<uint32_t>(all)) - (is_signed ? all / 2 : 0);
  };
  const auto scale = [&] { return random_scale(random, format); };
  draw(result.codes, cols, [&] {
    const auto code = static_cast<uint8_t>(random() % (1U << format.bits));
    const bool is_nan = is_e4m3(format) && (code & 0x7f) == 0x7f;
    return is_nan ? uint8_t{0x7e} : code;
  });
  draw(result.scales, result.super_groups(), scale);
  if (format.has_two_levels()) draw(result.sub_scales, result.groups(), sub);
  if (format.offsets == QuantizedFormat::Offsets::kGroupZeros) {
    draw(result.zeros, result.groups(), [&] { return random() % (1U << format.bits); });
  }
  if (format.offsets == QuantizedFormat::Offsets::kMinimums) {
    draw(result.minimums, result.super_groups(), scale);
    if (format.has_two_levels()) draw(result.sub_minimums, result.groups(), sub);
  }
  return result;
}

// Rows [first, first + count).
inline QuantizedRows slice_quantized(const QuantizedRows& all, int64_t first, int64_t count) {
  QuantizedRows part(all.format, count, all.cols);
  const auto slice = [&](const auto& from, auto& to) {
    const auto of_row = static_cast<int64_t>(from.size()) / std::max<int64_t>(all.rows, 1);
    to.assign(from.begin() + first * of_row, from.begin() + (first + count) * of_row);
  };
  slice(all.codes, part.codes);
  slice(all.scales, part.scales);
  slice(all.sub_scales, part.sub_scales);
  slice(all.zeros, part.zeros);
  slice(all.minimums, part.minimums);
  slice(all.sub_minimums, part.sub_minimums);
  return part;
}

}  // namespace braid::testing
