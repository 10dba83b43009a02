// Shared by the kernels' tests: inputs from a seed, every tier that this machine has, and comparison of bits.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "braid/base/thread_team.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/make_ops.h"
#include "braid/kernels/ops.h"
#include "braid/tensor/buffer.h"
#include "tests/support/sanitizer.h"

namespace braid {

// In failures and reports of parameterised tests.
inline void PrintTo(CpuIsa isa, std::ostream* out) {
  *out << isa_name(isa);
}

}  // namespace braid

namespace braid::testing {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A matrix that owns its memory and is used as a whole.
struct Matrix {
  Matrix(DType dtype, int64_t rows, int64_t cols) : buffer(dtype, rows, cols), view(buffer.first(rows)) {}

  float at(int64_t row, int64_t col) const {
    return view.dtype == DType::kFloat32 ? view.row<float>(row)[col] : to_float(view.row<BFloat16>(row)[col]);
  }

  RowsBuffer buffer;
  Rows view;
};

inline Matrix random_matrix(int64_t rows, int64_t cols, uint32_t seed, float spread = 1.0F) {
  Matrix matrix(DType::kFloat32, rows, cols);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, spread);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) matrix.view.row<float>(row)[col] = normal(random);
  }
  return matrix;
}

// The same with denormals, zeros of both signs, and values that cancel mixed in.
inline Matrix odd_matrix(int64_t rows, int64_t cols, uint32_t seed) {
  Matrix matrix = random_matrix(rows, cols, seed);
  std::mt19937 random(seed + 1);
  for (int64_t row = 0; row < rows; ++row) {
    float* values = matrix.view.row<float>(row);
    for (int64_t col = 0; col < cols; ++col) {
      switch (random() % 8) {
        case 0:
          values[col] = 0.0F;
          break;
        case 1:
          values[col] = -0.0F;
          break;
        case 2:
          values[col] *= 1e-39F;
          break;
        case 3:
          values[col] = col > 0 ? -values[col - 1] : values[col];
          break;
        default:
          break;
      }
    }
  }
  return matrix;
}

inline std::vector<float> random_values(int64_t count, uint32_t seed, float mean = 0.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(mean, 1.0F);
  std::vector<float> values(static_cast<size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

inline bool same_bits(ConstRows a, ConstRows b) {
  if (a.rows != b.rows || a.cols != b.cols || a.dtype != b.dtype) return false;
  for (int64_t row = 0; row < a.rows; ++row) {
    if (std::memcmp(a.row_bytes(row), b.row_bytes(row), static_cast<size_t>(a.cols * dtype_bytes(a.dtype))) != 0) {
      return false;
    }
  }
  return true;
}

// The largest |a - b|; infinity if any difference is a NaN.
inline double max_difference(const Matrix& a, const Matrix& b) {
  double largest = 0;
  for (int64_t row = 0; row < a.view.rows; ++row) {
    for (int64_t col = 0; col < a.view.cols; ++col) {
      const double difference = std::abs(static_cast<double>(a.at(row, col)) - b.at(row, col));
      if (std::isnan(difference)) return std::numeric_limits<double>::infinity();
      largest = std::max(largest, difference);
    }
  }
  return largest;
}

// The operations of one tier with their own team.
struct Device {
  Device(CpuIsa isa, int threads) : team(threads), ops(make_cpu_ops(isa, team)) {}

  ThreadTeam team;
  std::unique_ptr<Ops> ops;
};

// Every tier of this processor. Under ThreadSanitizer the best one: threads do the same in all of them.
inline std::vector<CpuIsa> kernel_isas() {
  return kUnderThreadSanitizer ? std::vector{available_isas().back()} : available_isas();
}

// For tests that run once for each tier that this machine has.
class EveryTier : public ::testing::TestWithParam<CpuIsa> {
 protected:
  const std::unique_ptr<Ops> ref_ = make_ref_ops();
  Device one_{GetParam(), 1};
  Device three_{GetParam(), 3};
};

inline std::string tier_name(const ::testing::TestParamInfo<CpuIsa>& info) {
  return std::string(isa_name(info.param));
}

}  // namespace braid::testing

#define BRAID_FOR_EVERY_TIER(suite)                                                            \
  INSTANTIATE_TEST_SUITE_P(Tiers, suite, ::testing::ValuesIn(::braid::testing::kernel_isas()), \
                           ::braid::testing::tier_name)
