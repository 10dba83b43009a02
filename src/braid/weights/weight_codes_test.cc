#include "braid/weights/weight_codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/weights/tensor_folder.h"

namespace braid {
namespace {

using testing::TemporaryFolder;
using testing::TensorFile;

QuantizedRows quantized(const std::vector<float>& values, int64_t rows, int32_t bits) {
  const auto cols = static_cast<int64_t>(values.size()) / rows;
  QuantizedRows out(integer_format(bits), rows, cols);
  EXPECT_TRUE(quantize_rows(make_rows(const_cast<float*>(values.data()), rows, cols), out));
  return out;
}

std::vector<float> normal_values(size_t count) {
  std::mt19937 random(23);
  std::normal_distribution<float> normal(0, 0.02F);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

double relative_error(const std::vector<float>& values, const QuantizedRows& rows) {
  double error = 0;
  double size = 0;
  std::vector<float> got(static_cast<size_t>(rows.cols));
  for (int64_t row = 0; row < rows.rows; ++row) {
    dequantize_row(rows, row, got.data());
    for (size_t col = 0; col < got.size(); ++col) {
      const double value = values[static_cast<size_t>(row * rows.cols) + col];
      error += (got[col] - value) * (got[col] - value);
      size += value * value;
    }
  }
  return std::sqrt(error / size);
}

TEST(QuantizeRows, ErrorsAreThoseOfTheNumberOfBits) {
  const std::vector<float> values = normal_values(64 * 100);  // the last block of a row is short
  EXPECT_LT(relative_error(values, quantized(values, 64, 8)), 0.006);
  EXPECT_LT(relative_error(values, quantized(values, 64, 4)), 0.09);
}

TEST(QuantizeRows, EachBlockHasTheScaleOfItsLargestValue) {
  std::vector<float> values(64);
  values[3] = -2.54F;
  values[40] = 1e-5F;
  const QuantizedRows rows = quantized(values, 1, 8);
  EXPECT_EQ(rows.codes[3], 1);  // -127
  EXPECT_NEAR(rows.scales[0], 0.02F, 1e-5F);
  EXPECT_EQ(rows.codes[0], 128);
  EXPECT_GT(rows.codes[40], 200);
  const QuantizedRows nothing = quantized(std::vector<float>(32), 1, 4);
  EXPECT_EQ(nothing.scales[0], 0);
  EXPECT_EQ(nothing.codes[0], 8);
}

TEST(QuantizeRows, IntegersThatFitAreExact) {
  std::vector<float> values(32);
  for (int i = 0; i < 32; ++i) values[static_cast<size_t>(i)] = 0.25F * static_cast<float>(i % 16 - 8);
  EXPECT_EQ(relative_error(values, quantized(values, 1, 4)), 0);
}

TEST(QuantizeRows, ValuesThatAreNotFiniteOrTooLargeAreRefused) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 3e38F}) {
    for (const int32_t bits : {4, 8}) {
      std::vector<float> values(32, 1.0F);
      values[9] = bad;
      QuantizedRows out(integer_format(bits), 1, 32);
      EXPECT_FALSE(quantize_rows(make_rows(values.data(), 1, 32), out)) << bad;
    }
  }
}

TEST(WeightCodes, PlainMatricesAreQuantizedByTheirUse) {
  TensorFile file;
  file.add("model.layers.0.mlp.up_proj.weight", "BF16", {2, 32}, std::vector<uint16_t>(64, 0x3f80));
  file.add("model.norm.weight", "BF16", {32}, std::vector<uint16_t>(32, 0x3f80));
  const TemporaryFolder folder;
  const auto checkpoint = file.open(folder, "");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const StoredTensor& matrix = *checkpoint->find("model.layers.0.mlp.up_proj.weight");
  const QuantizedWeights int4{.activations = ActivationBits::k8, .quantization = Quantization::kInt4};
  EXPECT_EQ(kept_format(matrix, int4, MatrixUse::kLayer), integer_format(4));
  EXPECT_EQ(kept_format(matrix, int4, MatrixUse::kVocab), integer_format(8));
  EXPECT_EQ(kept_format(matrix, int4, MatrixUse::kExact), std::nullopt);
  EXPECT_EQ(kept_format(*checkpoint->find("model.norm.weight"), int4, MatrixUse::kLayer), std::nullopt);
  EXPECT_EQ(kept_format(matrix, {.activations = ActivationBits::k8}, MatrixUse::kLayer), std::nullopt);
  const auto codes = read_weight_codes(matrix, integer_format(8), 1, 1);
  ASSERT_TRUE(codes.ok()) << codes.error().message;
  EXPECT_EQ(codes->codes[0], 255);

  EXPECT_EQ(row_dtype(*checkpoint, int4, DType::kBFloat16), DType::kFloat32);
  EXPECT_EQ(row_dtype(*checkpoint, {.activations = ActivationBits::k8}, DType::kBFloat16), DType::kBFloat16);
  const QuantizedWeights exact{.activations = ActivationBits::kExact, .quantization = Quantization::kInt4};
  EXPECT_EQ(row_dtype(*checkpoint, exact, DType::kBFloat16), DType::kBFloat16);
  EXPECT_EQ(row_dtype(*checkpoint, exact, DType::kFloat32), DType::kFloat32);
}

}  // namespace
}  // namespace braid
