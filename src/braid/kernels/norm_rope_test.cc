// rms_norm, layer_norm, head_rms_norm and rope of every tier. They must agree with the definition, and have the same
// bits in every tier, batch and team, which is stronger than ops.h requires.
#include "tests/support/kernels/every_tier.h"

namespace braid::testing {
namespace {

class NormRope : public EveryTier {
 protected:
  Device portable_{CpuIsa::kPortable, 1};
};
BRAID_FOR_EVERY_TIER(NormRope);

Matrix copy_of(const Matrix& x) {
  Matrix copy(x.view.dtype, x.view.rows, x.view.cols);
  for (int64_t row = 0; row < x.view.rows; ++row) {
    std::memcpy(copy.view.row_bytes(row), x.view.row_bytes(row),
                static_cast<size_t>(x.view.cols * dtype_bytes(x.view.dtype)));
  }
  return copy;
}

TEST_P(NormRope, RmsNormEqualsTheDefinition) {
  for (const int64_t cols : {1, 7, 8, 31, 32, 33, 100, 1024}) {
    for (const int64_t rows : {0, 1, 5, 70}) {
      for (const float spread : {1e-12F, 1.0F, 1e12F}) {
        const Matrix x = random_matrix(rows, cols, 1, spread);
        const std::vector<float> weight = random_values(cols, 2, 1.0F);
        for (const auto& [dtype, tolerance] : {std::pair{DType::kFloat32, 2e-6}, {DType::kBFloat16, 8e-3}}) {
          Matrix expected(dtype, rows, cols);
          Matrix actual(dtype, rows, cols);
          ref_->rms_norm(x.view, weight, 1e-6F, expected.view);
          three_.ops->rms_norm(x.view, weight, 1e-6F, actual.view);
          for (int64_t row = 0; row < rows; ++row) {
            for (int64_t col = 0; col < cols; ++col) {
              ASSERT_NEAR(actual.at(row, col), expected.at(row, col), tolerance * std::abs(expected.at(row, col)))
                  << rows << "x" << cols << " of " << spread;
            }
          }
        }
      }
    }
  }
}

TEST_P(NormRope, LayerNormEqualsTheDefinition) {
  for (const int64_t cols : {1, 7, 8, 31, 32, 33, 100, 1024}) {
    for (const int64_t rows : {0, 1, 5, 70}) {
      for (const auto& [spread, shift] : {std::pair{1e-12F, 0.0F}, {1.0F, 0.0F}, {1.0F, 30.0F}, {1e12F, 0.0F}}) {
        const Matrix x = random_matrix(rows, cols, 1, spread);
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t col = 0; col < cols; ++col) x.view.row<float>(row)[col] += shift;
        }
        const std::vector<float> weight = random_values(cols, 2, 1.0F);
        const std::vector<float> bias = random_values(cols, 3);
        for (const auto& [dtype, tolerance] : {std::pair{DType::kFloat32, 3e-6}, {DType::kBFloat16, 8e-3}}) {
          Matrix expected(dtype, rows, cols);
          Matrix actual(dtype, rows, cols);
          ref_->layer_norm(x.view, weight, bias, 1e-6F, expected.view);
          three_.ops->layer_norm(x.view, weight, bias, 1e-6F, actual.view);
          for (int64_t row = 0; row < rows; ++row) {
            for (int64_t col = 0; col < cols; ++col) {
              ASSERT_NEAR(actual.at(row, col), expected.at(row, col),
                          tolerance * (3 + std::abs(expected.at(row, col))) * (1 + shift))
                  << rows << "x" << cols << " of " << spread << " around " << shift;
            }
          }
        }
      }
    }
  }
}

TEST_P(NormRope, LayerNormOfEqualValuesIsTheBias) {
  Matrix x(DType::kFloat32, 2, 40);
  std::fill_n(x.view.row<float>(1), 40, 7.5F);
  Matrix y = random_matrix(2, 40, 1);
  const std::vector<float> bias = random_values(40, 3);
  one_.ops->layer_norm(x.view, random_values(40, 2), bias, 1e-6F, y.view);
  for (int64_t col = 0; col < 40; ++col) EXPECT_EQ(y.at(1, col), bias[static_cast<size_t>(col)]);
}

TEST_P(NormRope, RmsNormOfZerosIsZero) {
  const Matrix x(DType::kFloat32, 2, 40);
  Matrix y = random_matrix(2, 40, 1);
  one_.ops->rms_norm(x.view, random_values(40, 2), 1e-6F, y.view);
  for (int64_t col = 0; col < 40; ++col) EXPECT_EQ(y.at(1, col), 0.0F);
}

TEST_P(NormRope, RowsHaveTheSameBitsInEveryTierBatchAndTeam) {
  for (const int64_t cols : {40, 128, 333}) {
    const Matrix x = odd_matrix(300, cols, 3);
    const std::vector<float> weight = random_values(cols, 4);
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      Matrix expected(dtype, 300, cols);
      Matrix whole(dtype, 300, cols);
      portable_.ops->layer_norm(x.view, weight, weight, 1e-5F, expected.view);
      three_.ops->layer_norm(x.view, weight, weight, 1e-5F, whole.view);
      EXPECT_TRUE(same_bits(expected.view, whole.view)) << "layer_norm " << cols;
      portable_.ops->rms_norm(x.view, weight, 1e-5F, expected.view);
      three_.ops->rms_norm(x.view, weight, 1e-5F, whole.view);
      EXPECT_TRUE(same_bits(expected.view, whole.view)) << cols;
      Matrix single(dtype, 1, cols);
      for (const int64_t row : {0, 17, 299}) {
        three_.ops->rms_norm(x.view.slice_rows(row, 1), weight, 1e-5F, single.view);
        EXPECT_TRUE(same_bits(single.view, whole.view.slice_rows(row, 1))) << cols << " row " << row;
      }
    }
  }
}

TEST_P(NormRope, HeadNormIsRmsNormOfEachHead) {
  for (const int32_t head_dim : {8, 24, 128}) {
    Matrix x = random_matrix(70, 5 * head_dim, 5);
    Matrix expected = copy_of(x);
    Matrix reference = copy_of(x);
    const std::vector<float> weight = random_values(head_dim, 6, 1.0F);
    // Only heads 1 to 3, so that the rows are not contiguous.
    three_.ops->head_rms_norm(x.view.slice_cols(head_dim, 3 * head_dim), head_dim, weight, 1e-6F);
    ref_->head_rms_norm(reference.view.slice_cols(head_dim, 3 * head_dim), head_dim, weight, 1e-6F);
    for (int64_t head = 1; head < 4; ++head) {
      const Rows part = expected.view.slice_cols(head * head_dim, head_dim);
      one_.ops->rms_norm(part, weight, 1e-6F, part);
    }
    EXPECT_TRUE(same_bits(x.view, expected.view));
    EXPECT_LE(max_difference(x, reference), 2e-5);
  }
}

TEST_P(NormRope, RopeEqualsTheDefinitionInTheSameBitsEverywhere) {
  for (const int32_t head_dim : {8, 40, 128}) {
    const Matrix angles = random_matrix(50, head_dim / 2, 7, 10.0F);
    Matrix cos(DType::kFloat32, 50, head_dim / 2);
    Matrix sin(DType::kFloat32, 50, head_dim / 2);
    for (int64_t position = 0; position < 50; ++position) {
      for (int64_t i = 0; i < head_dim / 2; ++i) {
        cos.view.row<float>(position)[i] = std::cos(angles.at(position, i));
        sin.view.row<float>(position)[i] = std::sin(angles.at(position, i));
      }
    }
    std::vector<int32_t> positions(90);
    for (size_t i = 0; i < positions.size(); ++i) positions[i] = static_cast<int32_t>(i * 7 % 50);
    Matrix x = odd_matrix(90, 4 * head_dim, 8);
    Matrix reference = copy_of(x);
    Matrix portable = copy_of(x);
    Matrix single = copy_of(x);
    three_.ops->rope(x.view, head_dim, positions, cos.view, sin.view);
    ref_->rope(reference.view, head_dim, positions, cos.view, sin.view);
    portable_.ops->rope(portable.view, head_dim, positions, cos.view, sin.view);
    EXPECT_LE(max_difference(x, reference), 2e-6);
    EXPECT_TRUE(same_bits(x.view, portable.view));
    three_.ops->rope(single.view.slice_rows(89, 1), head_dim, std::span(positions).last(1), cos.view, sin.view);
    EXPECT_TRUE(same_bits(x.view.slice_rows(89, 1), single.view.slice_rows(89, 1)));
  }
}

TEST_P(NormRope, NoRowsIsNoWork) {
  const Matrix none(DType::kFloat32, 0, 32);
  const Matrix angles(DType::kFloat32, 4, 8);
  three_.ops->rms_norm(none.view, random_values(32, 1), 1e-6F, none.view);
  three_.ops->head_rms_norm(none.view, 16, random_values(16, 1), 1e-6F);
  three_.ops->rope(none.view, 16, {}, angles.view, angles.view);
}

}  // namespace
}  // namespace braid::testing
