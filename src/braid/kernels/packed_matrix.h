// A weight matrix in the one layout that every tier's matrix kernels read.
//
// For W of shape [n, k] (y = x · Wᵀ): panels of 32 output columns, padded with zeros to whole panels and whole
// k-blocks.
//   bfloat16: [n/32][k/32][2 tiles][16 k-pairs][16 n][2]   a tile is 1 KB: 16 rows of 64 bytes, as AMX and vdpbf16ps
//                                                          read them
//   float32:  [n/32][k][32 n]
//   quantized: codes with their scales, as they are stored in a checkpoint (quantized_panels.h)
// So a thread that owns some panels reads one contiguous stream.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/kernels/quantized_layout.h"
#include "braid/kernels/quantized_panels.h"
#include "braid/tensor/buffer_arena.h"
#include "braid/tensor/quantized_rows.h"
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

  // Quantized weights for rows of `dtype`. Codes, scales and minimums are 0 until packed.
  PackedMatrix(const QuantizedFormat& format, ActivationBits activations, DType dtype, int64_t n, int64_t k);
  PackedMatrix(const QuantizedFormat& format, ActivationBits activations, DType dtype, int64_t n, int64_t k,
               BufferArena& arena);

  DType dtype() const { return dtype_; }  // of the rows that it multiplies; and its own, unless it is quantized
  bool is_quantized() const { return is_quantized_; }
  // Of a quantized matrix:
  const QuantizedFormat& format() const { return format_; }
  const QuantizedPanels& panels() const { return panels_; }
  ActivationBits activations() const { return activations_; }
  // Whether its products round their rows to codes, out of float32 as out of bfloat16. All others take rows of dtype().
  bool rounds_rows() const { return is_quantized_ && activations_ != ActivationBits::kExact; }
  // Whether the same kernels multiply both.
  bool has_format_of(const PackedMatrix& other) const {
    return dtype_ == other.dtype_ && is_quantized_ == other.is_quantized_ && activations_ == other.activations_ &&
           format_ == other.format_;
  }

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
  // The same for a quantized matrix, of the same format: nothing is rounded.
  void pack_rows(const QuantizedRows& source, int64_t first);

  // For a fused gate/up matrix (n = 2 x ffn): row i of `source` becomes output column
  // (i / 16) * 32 + (is_up ? 16 : 0) + i % 16, so that a panel's two tiles hold a gate and its up.
  void pack_gate_up_rows(ConstRows source, int64_t first, bool is_up);
  void pack_gate_up_rows(const QuantizedRows& source, int64_t first, bool is_up);

  // Weights in act order: the packed input i is the rows' input order[i]. Products gather their rows' inputs.
  // grouped_matmul takes no such matrices. Empty: the packed order is the rows' order.
  void set_input_order(std::vector<int32_t> order);
  std::span<const int32_t> input_order() const { return input_order_; }

  // Row `column` of W, k values as float, in the rows' order: an embedding read from a head's weights.
  void read_column(int64_t column, float* out) const;

  // The element at output column `column` (of the padded panels) and packed input `input`, as float: of a quantized
  // matrix as quantized_rows.h defines it. For tests and the reference kernels.
  float at(int64_t column, int64_t input) const;

 private:
  PackedMatrix(const QuantizedFormat& format, ActivationBits activations, DType dtype, int64_t n, int64_t k,
               BufferArena* arena);
  void check_shape() const;
  void check_source(const QuantizedRows& source) const;
  template <typename ColumnOf>
  void pack(const QuantizedRows& source, int64_t first, const ColumnOf& column_of);
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
  bool is_quantized_ = false;
  ActivationBits activations_ = ActivationBits::kExact;
  QuantizedFormat format_;
  QuantizedPanels panels_;
  std::vector<int32_t> input_order_;
};

}  // namespace braid
