// CpuOps' norms and rotary positions. Tested by kernels/norm_rope_test.cc.
#include <utility>

#include "braid/kernels/cpu/cpu_ops.h"
#include "braid/kernels/cpu/split_rows.h"

namespace braid::cpu {

void CpuOps::rms_norm(ConstRows x, std::span<const float> weight, float eps, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols && static_cast<int64_t>(weight.size()) == x.cols);
  CHECK(x.dtype == DType::kFloat32 && y.dtype != DType::kFloat16);
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (y.dtype == DType::kFloat32) {
        rows_.rms_norm(x.row<float>(row), weight.data(), x.cols, eps, y.row<float>(row));
      } else {
        rows_.rms_norm_to_bfloat16(x.row<float>(row), weight.data(), x.cols, eps, y.row<BFloat16>(row));
      }
    }
  });
}

void CpuOps::layer_norm(ConstRows x, std::span<const float> weight, std::span<const float> bias, float eps, Rows y) {
  CHECK(x.rows == y.rows && x.cols == y.cols && x.dtype == DType::kFloat32 && y.dtype != DType::kFloat16);
  CHECK(std::cmp_equal(weight.size(), x.cols) && std::cmp_equal(bias.size(), x.cols));
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x.row<float>(row);
      if (y.dtype == DType::kFloat32) {
        rows_.layer_norm(from, weight.data(), bias.data(), x.cols, eps, y.row<float>(row));
      } else {
        rows_.layer_norm_to_bfloat16(from, weight.data(), bias.data(), x.cols, eps, y.row<BFloat16>(row));
      }
    }
  });
}

void CpuOps::head_rms_norm(Rows x, int32_t head_dim, std::span<const float> weight, float eps) {
  CHECK(x.dtype == DType::kFloat32 && x.cols % head_dim == 0 && static_cast<int64_t>(weight.size()) == head_dim);
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* values = x.row<float>(row);
      for (int64_t first = 0; first < x.cols; first += head_dim) {
        rows_.rms_norm(values + first, weight.data(), head_dim, eps, values + first);
      }
    }
  });
}

void CpuOps::rope(Rows x, int32_t head_dim, std::span<const int32_t> positions, ConstRows cos, ConstRows sin) {
  CHECK(x.dtype == DType::kFloat32 && x.cols % head_dim == 0 && static_cast<int64_t>(positions.size()) == x.rows);
  CHECK(cos.cols == head_dim / 2 && sin.cols == head_dim / 2);
  split_rows(team_, x.rows, x.cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t position = positions[static_cast<size_t>(row)];
      CHECK(position >= 0 && position < cos.rows, "position {} of {}", position, cos.rows);
      rows_.rope(x.row<float>(row), x.cols / head_dim, head_dim, cos.row<float>(position), sin.row<float>(position));
    }
  });
}

}  // namespace braid::cpu
