// What a packed quantized matrix says about its elements, and how much memory it takes.
#include "braid/kernels/quantized_packing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "braid/base/thread_team.h"
#include "braid/kernels/make_ops.h"
#include "braid/kernels/packed_matrix.h"
#include "tests/support/kernels/quantized_formats.h"

namespace braid::testing {
namespace {

// OCP 8-bit floating point, E4M3, by its formula.
float e4m3_by_formula(uint8_t code) {
  const int exponent = (code >> 3) & 15;
  const int mantissa = code & 7;
  if (exponent == 15 && mantissa == 7) return std::nanf("");
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                        : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
  return (code & 0x80) != 0 ? -magnitude : magnitude;
}

// quantized_rows.h's definition, written from the source's side.
float defined_element(const QuantizedRows& rows, int64_t row, int64_t col) {
  const QuantizedFormat& format = rows.format;
  const auto group = static_cast<size_t>(row * rows.groups() + col / format.group);
  const auto super =
      format.has_two_levels() ? static_cast<size_t>(row * rows.super_groups() + col / format.super_group) : group;
  const uint8_t code = rows.codes[static_cast<size_t>(row * rows.cols + col)];
  const float scale =
      format.has_two_levels() ? rows.scales[super] * static_cast<float>(rows.sub_scales[group]) : rows.scales[group];
  float value = code;
  if (format.values == QuantizedFormat::Values::kTable)
    value = static_cast<float>(format.table[code]) * format.table_unit;
  if (format.values == QuantizedFormat::Values::kE4m3) value = e4m3_by_formula(code);
  if (format.offsets == QuantizedFormat::Offsets::kMinimums) {
    const float minimum = format.has_two_levels() ? rows.minimums[super] * static_cast<float>(rows.sub_minimums[group])
                                                  : rows.minimums[group];
    return scale * value + minimum;
  }
  const int32_t zero = format.offsets == QuantizedFormat::Offsets::kGroupZeros ? rows.zeros[group] : format.fixed_zero;
  return scale * (value - static_cast<float>(zero));
}

bool is_same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b);
}

TEST(QuantizedPacking, ElementsAreThoseOfTheDefinitionBitForBit) {
  for (const NamedFormat& named : quantized_formats()) {
    for (const auto& [n, k] : {std::pair<int64_t, int64_t>{1, 1}, {32, 256}, {37, 95}, {50, 336}, {16, 48}}) {
      SCOPED_TRACE(fmt::format("{} n {} k {}", named.name, n, k));
      const QuantizedRows source = random_quantized(named.format, n, k, 5);
      PackedMatrix packed(named.format, ActivationBits::kExact, DType::kBFloat16, n, k);
      const int64_t first_part = n / 3;  // also parts that begin and end within a half of a panel
      packed.pack_rows(slice_quantized(source, first_part, n - first_part), first_part);
      packed.pack_rows(slice_quantized(source, 0, first_part), 0);
      std::vector<float> column(static_cast<size_t>(k));
      for (int64_t row = 0; row < n; ++row) {
        packed.read_column(row, column.data());
        for (int64_t col = 0; col < k; ++col) {
          const float expected = defined_element(source, row, col);
          ASSERT_TRUE(is_same(packed.at(row, col), expected)) << row << ", " << col;
          ASSERT_TRUE(is_same(column[static_cast<size_t>(col)], expected)) << row << ", " << col;
        }
      }
    }
  }
}

TEST(QuantizedPacking, GateAndUpShareAPanel) {
  constexpr int64_t kFfn = 40;
  constexpr int64_t kK = 64;
  for (const NamedFormat& named : quantized_formats()) {
    const QuantizedRows gate = random_quantized(named.format, kFfn, kK, 1);
    const QuantizedRows up = random_quantized(named.format, kFfn, kK, 2);
    PackedMatrix packed(named.format, ActivationBits::kExact, DType::kBFloat16, 2 * kFfn, kK);
    packed.pack_gate_up_rows(gate, 0, false);
    packed.pack_gate_up_rows(slice_quantized(up, 7, kFfn - 7), 7, true);
    packed.pack_gate_up_rows(slice_quantized(up, 0, 7), 0, true);
    for (int64_t i = 0; i < kFfn; ++i) {
      const int64_t column = i / 16 * 32 + i % 16;
      EXPECT_TRUE(is_same(packed.at(column, 33), defined_element(gate, i, 33))) << named.name << " " << i;
      EXPECT_TRUE(is_same(packed.at(column + 16, 33), defined_element(up, i, 33))) << named.name << " " << i;
    }
  }
}

TEST(QuantizedPacking, AMatrixIsAtMostSevenPercentLargerThanItsFile) {
  constexpr int64_t kN = 1024;
  constexpr int64_t kK = 2048;
  for (const NamedFormat& named : quantized_formats()) {
    if (named.file_bits == 0) continue;
    const PackedMatrix packed(named.format, ActivationBits::kExact, DType::kBFloat16, kN, kK);
    EXPECT_LE(static_cast<double>(packed.bytes() * 8), 1.07 * named.file_bits * static_cast<double>(kN * kK))
        << named.name;
  }
}

TEST(QuantizedPacking, SuperBlocksWithMinimumsTakeWhatTheyTakeInTheirFile) {
  constexpr int64_t kN = 64;
  constexpr int64_t kK = 512;
  for (const NamedFormat& named : quantized_formats()) {
    if (named.format.scales != QuantizedFormat::Scales::kFloat16TimesU8 || named.file_bits == 0) continue;
    const PackedMatrix packed(named.format, ActivationBits::kExact, DType::kBFloat16, kN, kK);
    EXPECT_EQ(static_cast<double>(packed.bytes() * 8), named.file_bits * static_cast<double>(kN * kK)) << named.name;
  }
}

TEST(QuantizedPacking, E4m3AndE8m0HaveAllTheirValues) {
  QuantizedFormat format = {
      .values = QuantizedFormat::Values::kE4m3, .scales = QuantizedFormat::Scales::kE8m0, .bits = 8, .group = 32};
  QuantizedRows source(format, 1, 256 * 32);
  source.scales.clear();
  for (int i = 0; i < 256 * 32; ++i) source.codes[static_cast<size_t>(i)] = 0x38;  // 1
  for (int i = 0; i < 255; ++i) source.scales.push_back(std::ldexp(1.0F, i - 127));
  source.scales.push_back(std::nanf(""));
  PackedMatrix packed(format, ActivationBits::kExact, DType::kBFloat16, 1, 256 * 32);
  packed.pack_rows(source, 0);
  for (int i = 0; i < 255; ++i) EXPECT_EQ(packed.at(0, i * 32), std::ldexp(1.0F, i - 127)) << i;
  EXPECT_TRUE(std::isnan(packed.at(0, 255 * 32)));

  source.cols = 256;
  source.codes.resize(256);
  source.scales.assign(8, 1.0F);
  for (int i = 0; i < 256; ++i) source.codes[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
  PackedMatrix codes(format, ActivationBits::kExact, DType::kBFloat16, 1, 256);
  codes.pack_rows(source, 0);
  for (int i = 0; i < 256; ++i) {
    const float expected = e4m3_by_formula(static_cast<uint8_t>(i));
    EXPECT_TRUE(std::isnan(expected) ? std::isnan(codes.at(0, i)) : is_same(codes.at(0, i), expected)) << i;
  }
}

TEST(QuantizedPacking, AnEmbeddingReadsRowsOfAQuantizedHead) {
  ThreadTeam team(2);
  const auto ops = make_cpu_ops(available_isas().back(), team);
  constexpr int64_t kVocab = 70;
  constexpr int64_t kHidden = 96;
  for (const NamedFormat& named : quantized_formats()) {
    const QuantizedRows source = random_quantized(named.format, kVocab, kHidden, 3);
    PackedMatrix head(named.format, ActivationBits::kExact, DType::kBFloat16, kVocab, kHidden);
    head.pack_rows(source, 0);
    const std::vector<TokenId> ids = {69, 0, 31, 32};
    const RowsBuffer y(DType::kFloat32, 4, kHidden);
    ops->embed(ids, head, y.first(4));
    for (int64_t i = 0; i < 4; ++i) {
      for (int64_t col = 0; col < kHidden; ++col) {
        EXPECT_EQ(y.first(4).row<float>(i)[col], defined_element(source, ids[static_cast<size_t>(i)], col));
      }
    }
  }
}

}  // namespace
}  // namespace braid::testing
