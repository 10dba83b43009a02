#include "braid/tensor/quantized_rows.h"

#include <gtest/gtest.h>

#include <cmath>

#include "braid/tensor/float8.h"

namespace braid {
namespace {

TEST(Float8, E4m3HasTheValuesOfItsDefinition) {
  for (int byte = 0; byte < 256; ++byte) {
    const float value = e4m3_to_float(static_cast<uint8_t>(byte));
    const int exponent = byte >> 3 & 15;
    const int mantissa = byte & 7;
    if (exponent == 15 && mantissa == 7) {
      EXPECT_TRUE(std::isnan(value)) << byte;
      continue;
    }
    const double size = exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(1.0 + mantissa / 8.0, exponent - 7);
    EXPECT_EQ(value, static_cast<float>(byte < 128 ? size : -size)) << byte;
    EXPECT_EQ(std::signbit(value), byte >= 128) << byte;
  }
  EXPECT_EQ(e4m3_to_float(0x7e), 448.0F);
}

TEST(Float8, E8m0IsAPowerOfTwo) {
  for (int byte = 0; byte < 255; ++byte) {
    EXPECT_EQ(e8m0_to_float(static_cast<uint8_t>(byte)), std::ldexp(1.0F, byte - 127)) << byte;
  }
  EXPECT_TRUE(std::isnan(e8m0_to_float(255)));
}

QuantizedRows numbered(const QuantizedFormat& format, int64_t rows, int64_t cols) {
  QuantizedRows out(format, rows, cols);
  for (size_t i = 0; i < out.codes.size(); ++i) out.codes[i] = static_cast<uint8_t>(i * 7 % 16);
  for (size_t i = 0; i < out.scales.size(); ++i) out.scales[i] = 0.5F + static_cast<float>(i);
  for (size_t i = 0; i < out.zeros.size(); ++i) out.zeros[i] = static_cast<uint8_t>(i % 16);
  return out;
}

std::vector<float> values_of(const QuantizedRows& rows, int64_t row) {
  std::vector<float> out(static_cast<size_t>(rows.cols));
  dequantize_row(rows, row, out.data());
  return out;
}

TEST(QuantizedRows, TheLastGroupOfARowMayBeShorter) {
  const QuantizedRows rows =
      numbered({.offsets = QuantizedFormat::Offsets::kGroupZeros, .bits = 4, .group = 64}, 2, 100);
  EXPECT_EQ(rows.groups(), 2);
  for (int64_t row = 0; row < 2; ++row) {
    const auto values = values_of(rows, row);
    for (int64_t col = 0; col < 100; ++col) {
      const auto group = static_cast<size_t>(row * 2 + col / 64);
      const auto code = static_cast<float>(rows.codes[static_cast<size_t>(row * 100 + col)]);
      EXPECT_EQ(values[static_cast<size_t>(col)], rows.scales[group] * (code - static_cast<float>(rows.zeros[group])));
    }
  }
}

TEST(QuantizedRows, SlicesKeepTheirValues) {
  const QuantizedFormat of_groups{.offsets = QuantizedFormat::Offsets::kGroupZeros, .bits = 4, .group = 128};
  const QuantizedFormat of_rows{.scales = QuantizedFormat::Scales::kFloat32, .bits = 8, .fixed_zero = 9, .group = 320};
  for (const QuantizedFormat& format : {of_groups, of_rows}) {
    const QuantizedRows rows = numbered(format, 5, 300);
    for (const IndexRange& cut : {IndexRange{0, 300}, IndexRange{96, 300}, IndexRange{128, 160}, IndexRange{0, 160}}) {
      const QuantizedRows part = slice_cols(rows, cut);
      const QuantizedRows of_part = slice_rows(part, 1, 3);
      for (int64_t row = 0; row < 5; ++row) {
        const auto whole = values_of(rows, row);
        const std::vector<float> expected(whole.begin() + cut.begin, whole.begin() + cut.end);
        EXPECT_EQ(values_of(part, row), expected);
        if (row >= 1 && row < 4) {
          EXPECT_EQ(values_of(of_part, row - 1), expected);
        }
      }
    }
  }
  EXPECT_EQ(format_of_cols(of_groups, 300, {0, 160})->group, 32);
  EXPECT_EQ(format_of_cols(of_groups, 300, {128, 300})->group, 128);
  EXPECT_EQ(format_of_cols(of_rows, 300, {7, 300})->group, 320);  // one scale a row can be cut anywhere
  EXPECT_FALSE(format_of_cols(of_groups, 300, {0, 100}).has_value());
}

}  // namespace
}  // namespace braid
