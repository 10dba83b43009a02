#include "braid/kernels/packed_matrix.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace braid {
namespace {

float element(int64_t row, int64_t col) {
  return std::sin(static_cast<float>(row * 131 + col));
}

RowsBuffer make_source(DType dtype, int64_t rows, int64_t cols) {
  RowsBuffer buffer(dtype, rows, cols);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      const float value = element(row, col);
      if (dtype == DType::kFloat32) buffer.first(rows).row<float>(row)[col] = value;
      if (dtype == DType::kBFloat16) buffer.first(rows).row<BFloat16>(row)[col] = to_bfloat16(value);
      if (dtype == DType::kFloat16) {
        const auto half = static_cast<_Float16>(value);
        buffer.first(rows).row<Float16>(row)[col] = {std::bit_cast<uint16_t>(half)};
      }
    }
  }
  return buffer;
}

float source_value(ConstRows rows, int64_t row, int64_t col) {
  if (rows.dtype == DType::kFloat32) return rows.row<float>(row)[col];
  if (rows.dtype == DType::kBFloat16) return to_float(rows.row<BFloat16>(row)[col]);
  return to_float(rows.row<Float16>(row)[col]);
}

TEST(PackedMatrix, ReturnsWhatWasPackedRoundedToItsDtype) {
  for (DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (DType from : {DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
      for (auto [n, k] : {std::pair<int64_t, int64_t>{1, 1}, {32, 32}, {33, 31}, {70, 95}, {5, 64}}) {
        const RowsBuffer source = make_source(from, n, k);
        PackedMatrix packed(dtype, n, k);
        const int64_t first_part = n / 3;
        packed.pack_rows(source.first(n).slice_rows(0, first_part), 0);
        packed.pack_rows(source.first(n).slice_rows(first_part, n - first_part), first_part);
        for (int64_t row = 0; row < n; ++row) {
          for (int64_t col = 0; col < k; ++col) {
            const float value = source_value(source.first(n), row, col);
            EXPECT_EQ(packed.at(row, col), dtype == DType::kFloat32 ? value : to_float(to_bfloat16(value)));
          }
        }
      }
    }
  }
}

// Sixteen rows at once are transposed tile by tile: the same bytes as one row after another, also from wider rows.
TEST(PackedMatrix, ManyRowsAtOnceAreTheSameBytesAsOneByOne) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const DType from : {DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
      for (const auto& [n, k] : {std::pair<int64_t, int64_t>{70, 95}, {64, 64}, {17, 33}, {32, 1}}) {
        const RowsBuffer wide = make_source(from, n, k + 5);
        const ConstRows source = ConstRows(wide.first(n)).slice_cols(3, k);
        for (const int64_t first : {int64_t{0}, int64_t{3}, int64_t{16}}) {
          PackedMatrix at_once(dtype, n + first, k);
          PackedMatrix one_by_one(dtype, n + first, k);
          PackedMatrix fused(dtype, 2 * (n + first), k);
          PackedMatrix fused_one_by_one(dtype, 2 * (n + first), k);
          at_once.pack_rows(source, first);
          for (const bool is_up : {false, true}) fused.pack_gate_up_rows(source, first, is_up);
          for (int64_t row = 0; row < n; ++row) {
            one_by_one.pack_rows(source.slice_rows(row, 1), first + row);
            for (const bool is_up : {false, true}) {
              fused_one_by_one.pack_gate_up_rows(source.slice_rows(row, 1), first + row, is_up);
            }
          }
          EXPECT_TRUE(std::ranges::equal(at_once.memory(), one_by_one.memory()));
          EXPECT_TRUE(std::ranges::equal(fused.memory(), fused_one_by_one.memory()));
        }
      }
    }
  }
}

TEST(PackedMatrix, PadsToWholePanelsAndBlocksWithZeros) {
  const RowsBuffer source = make_source(DType::kBFloat16, 33, 33);
  PackedMatrix packed(DType::kBFloat16, 33, 33);
  packed.pack_rows(source.first(33), 0);
  EXPECT_EQ(packed.num_panels(), 2);
  EXPECT_EQ(packed.panel_bytes(), 2 * 2048);
  EXPECT_EQ(packed.bytes(), 2 * packed.panel_bytes());
  int64_t nonzero = 0;
  for (int64_t i = 0; i < packed.bytes() / 2; ++i) {
    nonzero += reinterpret_cast<const uint16_t*>(packed.panel(0))[i] != 0 ? 1 : 0;
  }
  EXPECT_LE(nonzero, 33 * 33);
  EXPECT_GE(nonzero, 33 * 33 - 1);  // sin(0)
}

TEST(PackedMatrix, ABlockOfBfloat16IsTwoTilesOfKPairs) {
  const RowsBuffer source = make_source(DType::kBFloat16, 64, 64);
  PackedMatrix packed(DType::kBFloat16, 64, 64);
  packed.pack_rows(source.first(64), 0);
  for (int64_t column = 0; column < 64; ++column) {
    for (int64_t k = 0; k < 64; ++k) {
      const int64_t at = k / 32 * 1024 + column % 32 / 16 * 512 + k % 32 / 2 * 32 + column % 16 * 2 + k % 2;
      EXPECT_EQ(reinterpret_cast<const BFloat16*>(packed.panel(column / 32))[at].bits,
                source.first(64).row<BFloat16>(column)[k].bits);
    }
  }
}

TEST(PackedMatrix, GateAndUpShareAPanel) {
  for (int64_t ffn : {16, 48, 20}) {
    const RowsBuffer source = make_source(DType::kFloat32, 2 * ffn, 40);
    const Rows all = source.first(2 * ffn);
    PackedMatrix packed(DType::kFloat32, 2 * ffn, 40);
    packed.pack_gate_up_rows(all.slice_rows(0, ffn), 0, false);
    packed.pack_gate_up_rows(all.slice_rows(ffn, 7), 0, true);
    packed.pack_gate_up_rows(all.slice_rows(ffn + 7, ffn - 7), 7, true);
    for (int64_t i = 0; i < ffn; ++i) {
      EXPECT_EQ(packed.at(i / 16 * 32 + i % 16, 3), element(i, 3));
      EXPECT_EQ(packed.at(i / 16 * 32 + 16 + i % 16, 3), element(ffn + i, 3));
    }
  }
}

TEST(PackedMatrix, ReadsAColumnBack) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const int64_t k : {1, 31, 32, 33, 100}) {
      const int64_t n = 37;
      std::vector<float> weights(static_cast<size_t>(n * k));
      for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i % 251) - 125.0F;
      PackedMatrix packed(dtype, n, k);
      packed.pack_rows(make_rows(weights.data(), n, k), 0);
      std::vector<float> column(static_cast<size_t>(k));
      for (int64_t i = 0; i < n; ++i) {
        packed.read_column(i, column.data());
        EXPECT_TRUE(std::equal(column.begin(), column.end(), weights.begin() + i * k)) << i;
      }
    }
  }
}

}  // namespace
}  // namespace braid
