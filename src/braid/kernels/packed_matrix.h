// A weight matrix in the one layout that every tier's matrix kernels read.
//
// For W of shape [n, k] (y = x · Wᵀ): panels of 32 output columns, padded with zeros to whole panels and whole
// k-blocks.
//   bfloat16: [n/32][k/32][2 tiles][16 k-pairs][16 n][2]   a tile is 1 KB: 16 rows of 64 bytes, as AMX and vdpbf16ps
//                                                          read them
//   float32:  [n/32][k][32 n]
// So a thread that owns some panels reads one contiguous stream. Blocks of quantized weights with scales will become
// further formats with the same panels.
#pragma once

#include <cstdint>
#include <span>

#include "braid/tensor/buffer_arena.h"
#include "braid/tensor/rows.h"

namespace braid {

class PackedMatrix {
 public:
  static constexpr int64_t kPanelCols = 32;  // output columns of a panel
  static constexpr int64_t kBlockK = 32;     // inputs (k) of a bfloat16 block
  static constexpr int64_t kTileCols = 16;

  PackedMatrix() = default;
  // All zeros. `dtype` is kFloat32 or kBFloat16.
  PackedMatrix(DType dtype, int64_t n, int64_t k);
  PackedMatrix(DType dtype, int64_t n, int64_t k, BufferArena& arena);  // memory from `arena`

  DType dtype() const { return dtype_; }
  int64_t n() const { return n_; }  // output columns
  int64_t k() const { return k_; }  // input columns
  int64_t num_panels() const { return (n_ + kPanelCols - 1) / kPanelCols; }
  int64_t panel_bytes() const;
  const std::byte* panel(int64_t index) const { return buffer_.data() + index * panel_bytes(); }
  int64_t bytes() const { return buffer_.bytes(); }
  // The whole memory, so that a caller can touch it before it is filled.
  std::span<std::byte> memory() { return {buffer_.data(), static_cast<size_t>(buffer_.bytes())}; }
  std::span<const std::byte> memory() const { return {buffer_.data(), static_cast<size_t>(buffer_.bytes())}; }

  // Writes source [rows, k] as output columns [first, first + rows). The source is kFloat32, kBFloat16 or kFloat16, and
  // is rounded to nearest even if dtype() is narrower. Different threads may pack different rows at the same time.
  void pack_rows(ConstRows source, int64_t first);

  // For a fused gate/up matrix (n = 2 x ffn): row i of `source` becomes output column
  // (i / 16) * 32 + (is_up ? 16 : 0) + i % 16, so that a panel's two tiles hold a gate and its up.
  void pack_gate_up_rows(ConstRows source, int64_t first, bool is_up);

  // Row `column` of W, k values as float: an embedding read from a head's weights.
  void read_column(int64_t column, float* out) const;

  // The element at output column `column` (of the padded panels) and input `input`, as float. For tests and the
  // reference kernels.
  float at(int64_t column, int64_t input) const;

 private:
  void check_shape() const;
  void pack_column(ConstRows source, int64_t row, int64_t column);
  // Writes kTileCols source rows, starting at `row`, to the columns of one tile in each bfloat16 block, starting at
  // `column`.
  void pack_tiles(ConstRows source, int64_t row, int64_t column);
  // Writes row i of `source` to column column_of(first + i), which must map whole tiles to whole tiles.
  template <typename ColumnOf>
  void pack(ConstRows source, int64_t first, const ColumnOf& column_of);
  int64_t offset(int64_t column, int64_t input) const;  // in elements

  Buffer buffer_;
  DType dtype_ = DType::kBFloat16;
  int64_t n_ = 0;
  int64_t k_ = 0;
};

}  // namespace braid
