// What the readers of codes and scales say is what the readers of floats say, bit for bit.
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "braid/base/check.h"
#include "braid/formats/ggml_type.h"
#include "braid/formats/mxfp4.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {
namespace {

constexpr std::array<const char*, 13> kQuantized = {"Q8_0", "Q4_0", "Q4_1",   "Q5_0",   "Q5_1", "Q2_K", "Q3_K",
                                                    "Q4_K", "Q5_K", "IQ4_NL", "IQ4_XS", "Q6_K", "MXFP4"};

const GgmlType& type_named(const std::string& name) {
  for (uint32_t id = 0; id < 64; ++id) {
    const GgmlType* const type = find_ggml_type(id);
    if (type != nullptr && type->name == name) return *type;
  }
  CHECK(false, "no type {}", name);
  return *find_ggml_type(0);
}

// Where a block's half-precision numbers lie.
std::vector<size_t> halves_of(const GgmlType& type) {
  if (type.name == "MXFP4") return {};
  if (type.name == "Q2_K") return {80, 82};
  if (type.name == "Q3_K") return {108};
  if (type.name == "Q6_K") return {208};
  const bool has_minimum = type.format->offsets == QuantizedFormat::Offsets::kMinimums;
  return has_minimum ? std::vector<size_t>{0, 2} : std::vector<size_t>{0};
}

// Any finite half, and often one at an end: zero, the least and greatest subnormal, one, the greatest; either sign.
uint16_t some_half(std::mt19937& random) {
  constexpr std::array<uint16_t, 6> kEnds = {0x0000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0x7bff};
  const auto size = random() % 2 == 0 ? kEnds[random() % kEnds.size()] : static_cast<uint16_t>(random() % 0x7c00);
  return static_cast<uint16_t>(size | (random() % 2) << 15);
}

void expect_same_bits(const std::vector<float>& got, const std::vector<float>& expected, const std::string& what) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(expected[i])) continue;
    ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i])) << what << " element " << i;
  }
}

TEST(GgmlCodes, MeanTheSameBitsAsTheBlocksFloats) {
  for (const char* const name : kQuantized) {
    const GgmlType& type = type_named(name);
    ASSERT_NE(type.to_codes, nullptr) << name;
    std::mt19937 random(7);
    constexpr int64_t kRows = 64;
    const int64_t cols = 512;
    const int64_t blocks = cols / type.block_elements;
    const int64_t row_bytes = blocks * type.block_bytes;
    std::vector<std::byte> bytes(static_cast<size_t>(kRows * row_bytes));
    for (size_t i = 0; i < bytes.size(); ++i) {
      const int64_t row = static_cast<int64_t>(i) / row_bytes;
      bytes[i] = static_cast<std::byte>(row == 0 ? 0 : row == 1 ? 255 : random() % 256);  // codes 0, and the highest
    }
    for (int64_t block = 0; block < kRows * blocks; ++block) {
      std::byte* const at = bytes.data() + block * type.block_bytes;
      for (const size_t place : halves_of(type)) {
        const uint16_t half = some_half(random);
        std::memcpy(at + place, &half, sizeof half);
      }
      // 255 is not a number here: see ANanExponentIsANanScale.
      if (std::string(name) == "MXFP4") at[0] = static_cast<std::byte>(block % 255);
    }
    QuantizedRows rows(*type.format, kRows, cols);
    read_ggml_codes(type, bytes.data(), row_bytes, rows);
    std::vector<float> expected(static_cast<size_t>(cols));
    std::vector<float> got(static_cast<size_t>(cols));
    for (int64_t row = 0; row < kRows; ++row) {
      type.to_float(bytes.data() + row * row_bytes, blocks, expected.data());
      dequantize_row(rows, row, got.data());
      expect_same_bits(got, expected, std::string(name) + " row " + std::to_string(row));
    }
    for (const uint8_t code : rows.codes) ASSERT_LT(code, 1 << type.format->bits) << name;
  }
}

// Columns that a rank holds, cut inside super-blocks.
TEST(GgmlCodes, ACutMeansTheSameBits) {
  for (const char* const name : kQuantized) {
    const GgmlType& type = type_named(name);
    std::mt19937 random(11);
    constexpr int64_t kRows = 3;
    constexpr int64_t kCols = 768;
    const int64_t row_bytes = kCols / type.block_elements * type.block_bytes;
    std::vector<std::byte> bytes(static_cast<size_t>(kRows * row_bytes));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() % 120);  // finite halves
    QuantizedRows rows(*type.format, kRows, kCols);
    read_ggml_codes(type, bytes.data(), row_bytes, rows);
    const std::array<IndexRange, 5> cuts = {{{0, 768}, {0, 384}, {384, 768}, {96, 128}, {32, 736}}};
    for (const IndexRange& cut : cuts) {
      const QuantizedRows part = slice_cols(rows, cut);
      ASSERT_EQ(part.cols, cut.end - cut.begin);
      for (int64_t row = 0; row < kRows; ++row) {
        std::vector<float> whole(kCols);
        std::vector<float> got(static_cast<size_t>(part.cols));
        dequantize_row(rows, row, whole.data());
        dequantize_row(part, row, got.data());
        expect_same_bits(got, {whole.begin() + cut.begin, whole.begin() + cut.end}, name);
      }
    }
    EXPECT_EQ(format_of_cols(*type.format, kCols, {8, 768}), std::nullopt);
    EXPECT_EQ(format_of_cols(*type.format, kCols, {16, 768}).has_value(), type.format->group == 16);
  }
}

TEST(GgmlCodes, ANanExponentIsANanScale) {
  std::array<std::byte, 17> block{};
  block[0] = std::byte{255};
  QuantizedRows rows(kMxfp4Format, 1, 32);
  read_ggml_codes(type_named("MXFP4"), block.data(), 17, rows);
  EXPECT_TRUE(std::isnan(rows.scales[0]));
}

TEST(Mxfp4, CodesMeanTheSameBitsAsFloats) {
  std::mt19937 random(5);
  constexpr int64_t kBlocks = 255;
  std::vector<std::byte> nibbles(kBlocks * 16);
  std::vector<std::byte> exponents(kBlocks);
  for (std::byte& byte : nibbles) byte = static_cast<std::byte>(random());
  for (size_t i = 0; i < exponents.size(); ++i) exponents[i] = static_cast<std::byte>(i);
  std::vector<float> expected(kBlocks * 32);
  mxfp4_to_float(nibbles.data(), exponents.data(), kBlocks, expected.data());
  QuantizedRows rows(kMxfp4Format, 1, kBlocks * 32);
  mxfp4_to_codes(nibbles.data(), exponents.data(), kBlocks, rows.codes.data(), rows.scales.data());
  std::vector<float> got(expected.size());
  dequantize_row(rows, 0, got.data());
  expect_same_bits(got, expected, "MXFP4");
}

}  // namespace
}  // namespace braid
