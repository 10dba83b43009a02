// How products with quantized weights round their rows: near the exact product, and at the ends of the range.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "braid/kernels/cpu/matmul_shares.h"
#include "tests/support/kernels/quantized_tiers.h"

namespace braid::testing {
namespace {

// How far rounded rows are from the exact product: about 1/300 of the row's largest value in each term with 8 bits, and
// 1/30 000 with 16.
TEST(RoundedRows, AreCloseToTheProduct) {
  constexpr int64_t kK = 512;
  constexpr int64_t kN = 64;
  const std::unique_ptr<Ops> ref = make_ref_ops();
  const Matrix x = random_matrix(3, kK, 7);
  for_each_rounded_format([&](const NamedFormat& named, ActivationBits activations) {
    const QuantizedRows weights = random_quantized(named.format, kN, kK, 8);
    const Matrix rounded(DType::kFloat32, 3, kN);
    const Matrix exact(DType::kFloat32, 3, kN);
    const PackedMatrix w = pack_quantized_rows(weights, ActivationBits::kExact, DType::kFloat32);
    ref->matmul(x.view, pack_quantized_rows(weights, activations, DType::kFloat32), rounded.view);
    ref->matmul(x.view, w, exact.view);
    double squares = 0;
    for (int64_t k = 0; k < kK; ++k) squares += std::pow(w.at(5, k), 2);
    const double allowed = (activations == ActivationBits::k8 ? 0.05 : 0.05 / 127) * std::sqrt(squares);
    for (int64_t row = 0; row < 3; ++row) EXPECT_NEAR(rounded.at(row, 5), exact.at(row, 5), allowed);
  });
}

// The largest input has the code -128, whatever its sign: its 128th parts are the codes, and they are exact.
TEST(RoundedRows, A128thOfTheLargestInputIsOneStep) {
  constexpr int64_t kK = 128;
  constexpr int64_t kN = 5;
  const std::unique_ptr<Ops> ref = make_ref_ops();
  const Matrix x(DType::kFloat32, 1, kK);
  for (int64_t k = 0; k < kK; ++k) {
    const float sign = k / 32 % 2 == 0 ? 1.0F : -1.0F;
    const int64_t code = k % 32 == 7 ? -128 : k * 37 % 255 - 127;
    x.view.row<float>(0)[k] = sign * static_cast<float>(code) / 64;
  }
  const QuantizedRows weights = random_quantized({.bits = 4, .fixed_zero = 8}, kN, kK, 8);
  const Matrix exact(DType::kFloat32, 1, kN);
  ref->matmul(x.view, pack_quantized_rows(weights, ActivationBits::kExact, DType::kFloat32), exact.view);
  const PackedMatrix w = pack_quantized_rows(weights, ActivationBits::k8, DType::kFloat32);
  const Matrix rounded(DType::kFloat32, 1, kN);
  ref->matmul(x.view, w, rounded.view);
  float largest = 0;
  for (int64_t n = 0; n < kN; ++n) largest = std::max(largest, std::abs(exact.at(0, n)));
  for (int64_t n = 0; n < kN; ++n) EXPECT_NEAR(rounded.at(0, n), exact.at(0, n), 1e-5 * largest);
  ThreadTeam team(1);
  for (const IntegerTier& tier : integer_tiers()) {
    const Matrix y(DType::kFloat32, 1, kN);
    cpu::matmul_with(tier.of(w), team, x.view, w, y.view, {});
    EXPECT_TRUE(same_bits(y.view, rounded.view)) << tier.name;
  }
}

// Of m and -m in one unit, one has the code 127 where it would want 128.
TEST(RoundedRows, With16BitsTheOppositeOfTheLargestInputIsAsNearAsOthers) {
  const std::unique_ptr<Ops> ref = make_ref_ops();
  const Matrix x(DType::kFloat32, 1, 32);
  x.view.row<float>(0)[3] = 0.7F;
  x.view.row<float>(0)[8] = -0.7F;
  QuantizedRows weights = random_quantized({.bits = 4, .fixed_zero = 8}, 1, 32, 8);
  std::fill(weights.codes.begin(), weights.codes.end(), uint8_t{8});
  weights.codes[8] = 9;  // the others are 0
  const Matrix y(DType::kFloat32, 1, 1);
  const PackedMatrix w = pack_quantized_rows(weights, ActivationBits::k16, DType::kFloat32);
  ref->matmul(x.view, w, y.view);
  EXPECT_NEAR(y.at(0, 0) / w.at(0, 8), -0.7, 0.7 / 30000);
}

TEST(RoundedRows, RowsThatAreNotFiniteGiveNanAndTinyOnesDoNotOverflow) {
  constexpr int64_t kK = 96;
  ThreadTeam team(1);
  Matrix x = random_matrix(7, kK, 9);
  x.view.row<float>(0)[40] = kNan;
  x.view.row<float>(1)[95] = kInfinity;
  x.view.row<float>(2)[0] = -kInfinity;
  for (int64_t k = 0; k < kK; ++k) {
    x.view.row<float>(3)[k] = 1e-38F;
    x.view.row<float>(4)[k] = 1e-42F;
    x.view.row<float>(5)[k] = 0;
    x.view.row<float>(6)[k] = k % 2 == 0 ? 3e38F : -3e38F;
  }
  for_each_rounded_format([&](const NamedFormat& named, ActivationBits activations) {
    const PackedMatrix w =
        pack_quantized_rows(random_quantized(named.format, 40, kK, 10), activations, DType::kFloat32);
    for (const IntegerTier& tier : integer_tiers()) {
      const Matrix y(DType::kFloat32, 7, 40);
      cpu::matmul_with(tier.of(w), team, x.view, w, y.view, {});
      for (int64_t col = 0; col < 40; ++col) {
        for (int64_t row = 0; row < 3; ++row) EXPECT_TRUE(std::isnan(y.at(row, col))) << tier.name;
        for (int64_t row = 3; row < 6; ++row) EXPECT_EQ(y.at(row, col), 0.0F) << tier.name;
        // (The two sums of 16 bits may overflow to opposite infinities.)
        EXPECT_FALSE(activations == ActivationBits::k8 && std::isnan(y.at(6, col))) << tier.name;
      }
    }
  });
}

// The largest codes, zeros and rows together: where 16-bit sums of two products would saturate.
TEST(RoundedRows, TheLargestValuesDoNotSaturate) {
  constexpr int64_t kK = 64;
  ThreadTeam team(1);
  const std::unique_ptr<Ops> ref = make_ref_ops();
  for (const NamedFormat& named : quantized_formats()) {
    if (is_e4m3(named.format)) continue;
    for (const uint8_t code : {uint8_t{0}, static_cast<uint8_t>((1U << named.format.bits) - 1)}) {
      for (const uint8_t zero : {uint8_t{0}, static_cast<uint8_t>((1U << named.format.bits) - 1)}) {
        QuantizedRows weights = random_quantized(named.format, 33, kK, 11);
        std::fill(weights.codes.begin(), weights.codes.end(), code);
        std::fill(weights.zeros.begin(), weights.zeros.end(), zero);
        const PackedMatrix w = pack_quantized_rows(weights, ActivationBits::k8, DType::kFloat32);
        constexpr int64_t kRows = 9;
        for (const float value : {1.0F, -1.0F}) {
          Matrix x(DType::kFloat32, kRows, kK);
          std::fill_n(x.view.row<float>(0), kRows * kK, value);
          const Matrix expected(DType::kFloat32, kRows, 33);
          ref->matmul(x.view, w, expected.view);
          for (const IntegerTier& tier : integer_tiers()) {
            for (const int64_t rows : {int64_t{1}, kRows}) {
              const Matrix y(DType::kFloat32, rows, 33);
              cpu::matmul_with(tier.of(w), team, x.view.slice_rows(0, rows), w, y.view, {});
              EXPECT_TRUE(same_bits(y.view, expected.view.slice_rows(0, rows))) << tier.name << " " << named.name;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace braid::testing
