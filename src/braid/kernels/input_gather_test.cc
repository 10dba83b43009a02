// A product with inputs in another order, or of a wider type, has the bits of the product with rows made for it.
#include "braid/kernels/input_gather.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <random>

#include "tests/support/kernels/every_tier.h"

namespace braid::testing {
namespace {

constexpr int64_t kGatheredInputs = 96;
constexpr int64_t kGatheredOutputs = 40;

PackedMatrix some_matrix(DType dtype, ActivationBits bits) {
  const QuantizedFormat format{.bits = 4, .fixed_zero = 8};
  QuantizedRows rows(format, kGatheredOutputs, kGatheredInputs);
  std::mt19937 random(3);
  for (uint8_t& code : rows.codes) code = static_cast<uint8_t>(random() % 16);
  for (float& scale : rows.scales) scale = static_cast<float>(random() % 8 + 1) / 64;
  PackedMatrix packed(format, bits, dtype, kGatheredOutputs, kGatheredInputs);
  packed.pack_rows(rows, 0);
  return packed;
}

std::vector<int32_t> shuffled_order() {
  std::vector<int32_t> order(kGatheredInputs);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(5);
  std::ranges::shuffle(order, random);
  return order;
}

class InputOrder : public EveryTier {};

TEST_P(InputOrder, ProductsGatherTheirInputs) {
  const std::vector<int32_t> order = shuffled_order();
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const ActivationBits bits : {ActivationBits::k8, ActivationBits::kExact}) {
      for (const int64_t rows : {0, 1, 7, 33}) {
        const Matrix wide = random_matrix(rows, kGatheredInputs, 11);
        Matrix x(dtype, rows, kGatheredInputs);
        one_.ops->convert(wide.view, x.view);
        Matrix gathered(dtype, rows, kGatheredInputs);
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t col = 0; col < kGatheredInputs; ++col) {
            const auto from = order[static_cast<size_t>(col)];
            std::memcpy(gathered.view.row_bytes(row) + col * dtype_bytes(dtype),
                        x.view.row_bytes(row) + from * dtype_bytes(dtype), static_cast<size_t>(dtype_bytes(dtype)));
          }
        }
        PackedMatrix w = some_matrix(dtype, bits);
        Matrix expected(DType::kFloat32, rows, kGatheredOutputs);
        one_.ops->matmul(gathered.view, w, expected.view);
        std::vector<RowMax> expected_maxima(static_cast<size_t>(rows));
        one_.ops->matmul_max(gathered.view, w, kGatheredOutputs, expected_maxima);
        w.set_input_order(order);
        for (Ops* const ops : {one_.ops.get(), three_.ops.get()}) {
          Matrix y(DType::kFloat32, rows, kGatheredOutputs);
          ops->matmul(x.view, w, y.view);
          EXPECT_TRUE(same_bits(y.view, expected.view)) << rows;
          std::vector<RowMax> maxima(static_cast<size_t>(rows));
          ops->matmul_max(x.view, w, kGatheredOutputs, maxima);
          for (size_t row = 0; row < maxima.size(); ++row) {
            EXPECT_EQ(maxima[row].value, expected_maxima[row].value);
            EXPECT_EQ(maxima[row].index, expected_maxima[row].index);
          }
        }
        Matrix y(DType::kFloat32, rows, kGatheredOutputs);
        ref_->matmul(x.view, w, y.view);
        EXPECT_LT(max_difference(y, expected), 1e-3);
      }
    }
  }
}

// Products that round rows to codes take float32 as it is: rounding it to bfloat16 first would be a second rounding.
TEST_P(InputOrder, Float32RowsAreRoundedOnce) {
  constexpr int64_t kRows = 5;
  const Matrix wide = random_matrix(kRows, kGatheredInputs, 13);
  Matrix narrow(DType::kBFloat16, kRows, kGatheredInputs);
  one_.ops->convert(wide.view, narrow.view);
  const auto plain = [](DType dtype) {
    PackedMatrix w(dtype, kGatheredOutputs, kGatheredInputs);
    w.pack_rows(random_matrix(kGatheredOutputs, kGatheredInputs, 17).view, 0);
    return w;
  };
  const auto of_8_bits = [](DType dtype) { return some_matrix(dtype, ActivationBits::k8); };
  const auto exact = [](DType dtype) { return some_matrix(dtype, ActivationBits::kExact); };
  for (const bool is_in_order : {true, false}) {
    for (const std::function<PackedMatrix(DType)>& make :
         std::initializer_list<std::function<PackedMatrix(DType)>>{plain, of_8_bits, exact}) {
      PackedMatrix w = make(DType::kBFloat16);
      PackedMatrix same = make(w.rounds_rows() ? DType::kFloat32 : DType::kBFloat16);
      if (!is_in_order) w.set_input_order(shuffled_order());
      if (!is_in_order) same.set_input_order(shuffled_order());
      const ConstRows x = w.rounds_rows() ? wide.view : narrow.view;
      Matrix expected(DType::kFloat32, kRows, kGatheredOutputs);
      one_.ops->matmul(x, same, expected.view);
      Matrix y(DType::kFloat32, kRows, kGatheredOutputs);
      three_.ops->matmul(wide.view, w, y.view);
      EXPECT_TRUE(same_bits(y.view, expected.view));
      ref_->matmul(wide.view, w, y.view);
      EXPECT_LT(max_difference(y, expected), 1e-3);
      std::vector<RowMax> maxima(kRows);
      std::vector<RowMax> expected_maxima(kRows);
      one_.ops->matmul_max(x, same, kGatheredOutputs, expected_maxima);
      three_.ops->matmul_max(wide.view, w, kGatheredOutputs, maxima);
      for (size_t row = 0; row < kRows; ++row) EXPECT_EQ(maxima[row].value, expected_maxima[row].value);
      if (!is_in_order) continue;
      const std::vector<int32_t> offsets = {0, kRows};
      three_.ops->grouped_matmul(wide.view, {.offsets = offsets}, {&w, 1}, y.view);
      EXPECT_TRUE(same_bits(y.view, expected.view));
      ref_->grouped_matmul(wide.view, {.offsets = offsets}, {&w, 1}, y.view);
      EXPECT_LT(max_difference(y, expected), 1e-3);
    }
  }
}

BRAID_FOR_EVERY_TIER(InputOrder);

TEST(InputOrderOfMatrix, RowsAreReadInTheModelsOrder) {
  const std::vector<int32_t> order = shuffled_order();
  PackedMatrix w = some_matrix(DType::kFloat32, ActivationBits::kExact);
  std::vector<float> packed(kGatheredInputs);
  w.read_column(5, packed.data());
  w.set_input_order(order);
  std::vector<float> own(kGatheredInputs);
  w.read_column(5, own.data());
  for (size_t i = 0; i < packed.size(); ++i) {
    EXPECT_EQ(own[static_cast<size_t>(order[i])], packed[i]);
    EXPECT_EQ(w.at(5, static_cast<int64_t>(i)), packed[i]);
  }
}

}  // namespace
}  // namespace braid::testing
