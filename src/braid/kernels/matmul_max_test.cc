// matmul_max in every tier and the emulated one: it finds the same maxima as a search through the product that matmul
// computes.
#include <fmt/format.h>

#include <utility>

#include "braid/kernels/cpu/matmul_shares.h"
#include "tests/support/kernels/every_tier.h"

namespace braid::testing {
namespace {

struct MaxTier {
  std::string name;
  cpu::MatmulTier tier;
  DType dtype;
};

std::vector<MaxTier> all_max_tiers() {
  std::vector<MaxTier> tiers = {{"amx_bf16 emulated", cpu::emulated_amx_bf16().plain, DType::kBFloat16}};
  for (const CpuIsa isa : kernel_isas()) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      tiers.push_back({fmt::format("{}/{}", isa_name(isa), dtype_name(dtype)), cpu::tier_for(isa, dtype), dtype});
    }
  }
  return tiers;
}

RowMax look_through(const float* row, int64_t cols) {
  RowMax max;
  for (int64_t col = 0; col < cols; ++col) {
    max.has_nan = max.has_nan || std::isnan(row[col]);
    if (!(row[col] > max.value)) continue;
    max.value = row[col];
    max.index = static_cast<int32_t>(col);
  }
  return max;
}

void expect_same(const RowMax& actual, const RowMax& expected, const std::string& where) {
  ASSERT_EQ(actual.has_nan, expected.has_nan) << where;
  if (expected.has_nan) return;
  ASSERT_EQ(actual.index, expected.index) << where;
  ASSERT_EQ(actual.value, expected.value) << where;
}

Matrix converted(const Matrix& source, DType dtype) {
  Matrix result(dtype, source.view.rows, source.view.cols);
  make_ref_ops()->convert(source.view, result.view);
  return result;
}

// Small whole numbers, so that many values of a row are equal.
Matrix whole_numbers(int64_t rows, int64_t cols, uint32_t seed) {
  Matrix matrix = random_matrix(rows, cols, seed);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      float& value = matrix.view.row<float>(row)[col];
      value = std::round(value);
    }
  }
  return matrix;
}

class Products {
 public:
  Products(const MaxTier& tier, const Matrix& x, const Matrix& w)
      : tier_(tier), x_(converted(x, tier.dtype)), w_(tier.dtype, w.view.rows, w.view.cols) {
    w_.pack_rows(w.view, 0);
  }

  // Checks the first `rows` rows and `cols` columns.
  void expect_largest(int threads, int64_t rows, int64_t cols) {
    ThreadTeam team(threads);
    const Matrix y(DType::kFloat32, rows, w_.n());
    const ConstRows x = x_.view.slice_rows(0, rows);
    cpu::matmul_with(tier_.tier, team, x, w_, y.view, {});
    std::vector<RowMax> maxima(static_cast<size_t>(rows), RowMax{.value = 1e30F, .index = 7, .has_nan = true});
    cpu::matmul_max_with(tier_.tier, team, x, w_, cols, maxima);
    for (int64_t row = 0; row < rows; ++row) {
      expect_same(
          maxima[static_cast<size_t>(row)], look_through(y.view.row<float>(row), cols),
          fmt::format("{}: {} threads, row {} of {}, {} of {} columns", tier_.name, threads, row, rows, cols, w_.n()));
    }
  }

 private:
  const MaxTier& tier_;
  const Matrix x_;
  PackedMatrix w_;
};

TEST(MatmulMax, FindsTheLargestValueAndTheLowestIndexOfEqualOnes) {
  for (const MaxTier& tier : all_max_tiers()) {
    for (const auto& [n, cols] : {std::pair<int64_t, int64_t>{1, 1}, {33, 33}, {64, 64}, {250, 250}, {320, 289}}) {
      Products with_ties(tier, whole_numbers(70, 3, 1), whole_numbers(n, 3, 2));
      Products without(tier, random_matrix(70, 65, 3), random_matrix(n, 65, 4));
      for (const int threads : {1, 3}) {
        for (const int64_t rows : {0, 1, 2, 5, 6, 12, 13, 32, 33, 70}) {
          with_ties.expect_largest(threads, rows, cols);
          without.expect_largest(threads, rows, cols);
        }
      }
    }
  }
}

// Enough rows that they are divided over the threads too.
TEST(MatmulMax, FindsTheSameInManyRowsDividedOverThreads) {
  for (const MaxTier& tier : all_max_tiers()) {
    Products products(tier, whole_numbers(300, 4, 5), whole_numbers(100, 4, 6));
    products.expect_largest(2, 300, 100);
  }
}

TEST(MatmulMax, ReportsNansAnywhereAndTreatsInfinitiesAsValues) {
  constexpr int64_t kRows = 6;
  constexpr int64_t kCols = 200;
  Matrix x(DType::kFloat32, kRows, 1);
  for (int64_t row = 0; row < kRows; ++row) *x.view.row<float>(row) = row % 2 == 0 ? 1.0F : -2.0F;
  *x.view.row<float>(3) = 0;  // times infinity: NaN
  for (const MaxTier& tier : all_max_tiers()) {
    for (const int64_t at : {0, 40, 199}) {
      for (const float value : {kNan, kInfinity, -kInfinity}) {
        Matrix w = random_matrix(kCols, 1, 8);
        *w.view.row<float>(at) = value;
        Products(tier, x, w).expect_largest(2, kRows, kCols);
        Products(tier, x, w).expect_largest(2, kRows, 150);  // perhaps without the NaN
      }
    }
    Matrix none(DType::kFloat32, kCols, 1);
    for (int64_t col = 0; col < kCols; ++col) *none.view.row<float>(col) = -kInfinity;
    Products(tier, x, none).expect_largest(2, 1, kCols);
  }
}

TEST(MatmulMax, TheDefinitionLooksThroughItsProductToo) {
  const std::unique_ptr<Ops> ref = make_ref_ops();
  const Matrix x = whole_numbers(9, 3, 9);
  const Matrix weights = whole_numbers(70, 3, 10);
  PackedMatrix w(DType::kFloat32, 70, 3);
  w.pack_rows(weights.view, 0);
  const Matrix y(DType::kFloat32, 9, 70);
  ref->matmul(x.view, w, y.view);
  std::vector<RowMax> maxima(9);
  ref->matmul_max(x.view, w, 60, maxima);
  for (int64_t row = 0; row < 9; ++row) {
    expect_same(maxima[static_cast<size_t>(row)], look_through(y.view.row<float>(row), 60), fmt::format("row {}", row));
  }
}

}  // namespace
}  // namespace braid::testing
