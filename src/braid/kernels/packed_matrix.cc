#include "braid/kernels/packed_matrix.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "braid/base/check.h"
#include "braid/kernels/quantized_packing.h"
#include "braid/tensor/dtype.h"

namespace braid {
namespace {

int64_t blocks_of(int64_t k) {
  return (k + PackedMatrix::kBlockK - 1) / PackedMatrix::kBlockK;
}

float element_as_float(ConstRows rows, int64_t row, int64_t col) {
  switch (rows.dtype) {
    case DType::kFloat32:
      return rows.row<float>(row)[col];
    case DType::kBFloat16:
      return to_float(rows.row<BFloat16>(row)[col]);
    case DType::kFloat16:
      return to_float(rows.row<Float16>(row)[col]);
  }
  return 0;
}

// Writes one row of `source` to column `column` of a bfloat16 panel. Each k-pair is one 4-byte store, 64 bytes after
// the previous one.
template <typename Convert>
void pack_bfloat16_column(int64_t k, std::byte* first_pair, const Convert& convert) {
  constexpr int64_t kPairs = PackedMatrix::kBlockK / 2;
  constexpr int64_t kPairBytes = PackedMatrix::kTileCols * 4;
  constexpr int64_t kBlockBytes = PackedMatrix::kBlockK * PackedMatrix::kPanelCols * 2;
  for (int64_t i = 0; i < k; i += 2) {
    const uint32_t even = convert(i).bits;
    const uint32_t odd = i + 1 < k ? convert(i + 1).bits : 0U;
    const uint32_t pair = even | (odd << 16);
    const int64_t pair_index = i / 2;
    std::memcpy(first_pair + pair_index / kPairs * kBlockBytes + pair_index % kPairs * kPairBytes, &pair, 4);
  }
}

// `count` elements of a row, starting at `first`.
void round_row(ConstRows source, int64_t row, int64_t first, int64_t count, BFloat16* out) {
  switch (source.dtype) {
    case DType::kFloat32:
      for (int64_t i = 0; i < count; ++i) out[i] = to_bfloat16(source.row<float>(row)[first + i]);
      return;
    case DType::kBFloat16:
      std::copy_n(source.row<BFloat16>(row) + first, count, out);
      return;
    case DType::kFloat16:
      for (int64_t i = 0; i < count; ++i) out[i] = to_bfloat16(to_float(source.row<Float16>(row)[first + i]));
      return;
  }
}

using Four = uint32_t __attribute__((vector_size(16)));

Four load_four(const BFloat16* from) {
  Four four;
  std::memcpy(&four, from, sizeof four);
  return four;
}

// Transposes a block's tile, 16 rows of 16 k-pairs, in squares of four. This reads and writes whole vectors; single
// columns would write 4 bytes to each line of a tile.
void turn_tile(const BFloat16* source, int64_t stride, std::byte* tile) {
  constexpr int64_t kSide = 4;
  constexpr int64_t kPairBytes = PackedMatrix::kTileCols * 4;
  for (int64_t row = 0; row < PackedMatrix::kTileCols; row += kSide) {
    for (int64_t pair = 0; pair < PackedMatrix::kBlockK / 2; pair += kSide) {
      const BFloat16* const from = source + row * stride + 2 * pair;
      const Four a = load_four(from);
      const Four b = load_four(from + stride);
      const Four c = load_four(from + 2 * stride);
      const Four d = load_four(from + 3 * stride);
      const Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
      const Four ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
      const Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5);
      const Four cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
      const Four turned[kSide] = {
          __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5), __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7),
          __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5), __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7)};
      for (int64_t i = 0; i < kSide; ++i) {
        std::memcpy(tile + (pair + i) * kPairBytes + row * 4, &turned[i], sizeof turned[i]);
      }
    }
  }
}

// The output column of a gate's or an up's row: a panel's two halves hold 16 gates and their ups.
int64_t gate_up_column(int64_t row, bool is_up) {
  constexpr int64_t kTileCols = PackedMatrix::kTileCols;
  return row / kTileCols * PackedMatrix::kPanelCols + (is_up ? kTileCols : 0) + row % kTileCols;
}

}  // namespace

PackedMatrix::PackedMatrix(DType dtype, int64_t n, int64_t k) : dtype_(dtype), n_(n), k_(k) {
  check_shape();
  buffer_ = Buffer(num_panels() * panel_bytes());
}

PackedMatrix::PackedMatrix(DType dtype, int64_t n, int64_t k, BufferArena& arena) : dtype_(dtype), n_(n), k_(k) {
  check_shape();
  buffer_ = arena.take(num_panels() * panel_bytes());
}

PackedMatrix::PackedMatrix(const QuantizedFormat& format, ActivationBits activations, DType dtype, int64_t n, int64_t k,
                           BufferArena* arena)
    : dtype_(dtype),
      n_(n),
      k_(k),
      is_quantized_(true),
      activations_(activations),
      format_(format),
      panels_(quantized_panels(format, k)) {
  check_shape();
  CHECK(activations == ActivationBits::kExact || allows_rounded_rows(format), "E4M3 times rounded rows");
  const int64_t bytes = num_panels() * panel_bytes();
  buffer_ = arena == nullptr ? Buffer(bytes) : arena->take(bytes);
}

PackedMatrix::PackedMatrix(const QuantizedFormat& format, ActivationBits activations, DType dtype, int64_t n, int64_t k)
    : PackedMatrix(format, activations, dtype, n, k, nullptr) {}

PackedMatrix::PackedMatrix(const QuantizedFormat& format, ActivationBits activations, DType dtype, int64_t n, int64_t k,
                           BufferArena& arena)
    : PackedMatrix(format, activations, dtype, n, k, &arena) {}

void PackedMatrix::check_shape() const {
  CHECK(dtype_ == DType::kFloat32 || dtype_ == DType::kBFloat16, "a packed matrix of {}", dtype_name(dtype_));
  CHECK(n_ >= 0 && k_ >= 0, "a packed matrix of [{}, {}]", n_, k_);
}

int64_t PackedMatrix::panel_bytes() const {
  if (is_quantized_) return panels_.panel_bytes;
  return dtype_ == DType::kBFloat16 ? blocks_of(k_) * kBlockK * kPanelCols * 2 : k_ * kPanelCols * 4;
}

int64_t PackedMatrix::offset(int64_t column, int64_t input) const {
  const int64_t panel_start = column / kPanelCols * (panel_bytes() / dtype_bytes(dtype_));
  const int64_t in_panel = column % kPanelCols;
  if (dtype_ == DType::kFloat32) return panel_start + input * kPanelCols + in_panel;
  return panel_start + input / kBlockK * (kBlockK * kPanelCols) + in_panel / kTileCols * (kBlockK * kTileCols) +
         input % kBlockK / 2 * (2 * kTileCols) + in_panel % kTileCols * 2 + input % 2;
}

void PackedMatrix::pack_column(ConstRows source, int64_t row, int64_t column) {
  CHECK(column >= 0 && column < num_panels() * kPanelCols, "column {} of {}", column, n_);
  if (k_ == 0) return;
  if (dtype_ == DType::kFloat32) {
    float* out = buffer_.as<float>() + offset(column, 0);
    for (int64_t i = 0; i < k_; ++i) out[i * kPanelCols] = element_as_float(source, row, i);
    return;
  }
  std::byte* out = buffer_.data() + offset(column, 0) * dtype_bytes(dtype_);
  switch (source.dtype) {
    case DType::kBFloat16:
      return pack_bfloat16_column(k_, out, [in = source.row<BFloat16>(row)](int64_t i) { return in[i]; });
    case DType::kFloat32:
      return pack_bfloat16_column(k_, out, [in = source.row<float>(row)](int64_t i) { return to_bfloat16(in[i]); });
    case DType::kFloat16:
      return pack_bfloat16_column(k_, out,
                                  [in = source.row<Float16>(row)](int64_t i) { return to_bfloat16(to_float(in[i])); });
  }
}

void PackedMatrix::pack_tiles(ConstRows source, int64_t row, int64_t column) {
  CHECK(column >= 0 && column % kTileCols == 0 && column < num_panels() * kPanelCols, "column {} of {}", column, n_);
  std::array<BFloat16, kTileCols* kBlockK> rounded = {};
  for (int64_t k = 0; k < k_; k += kBlockK) {
    std::byte* const tile = buffer_.data() + offset(column, k) * dtype_bytes(dtype_);
    const int64_t count = std::min(kBlockK, k_ - k);
    if (source.dtype == DType::kBFloat16 && count == kBlockK) {
      turn_tile(source.row<BFloat16>(row) + k, source.stride, tile);
      continue;
    }
    if (count < kBlockK) rounded = {};
    for (int64_t i = 0; i < kTileCols; ++i)
      round_row(source, row + i, k, count, &rounded[static_cast<size_t>(i * kBlockK)]);
    turn_tile(rounded.data(), kBlockK, tile);
  }
}

template <typename ColumnOf>
void PackedMatrix::pack(ConstRows source, int64_t first, const ColumnOf& column_of) {
  for (int64_t row = 0; row < source.rows;) {
    const bool is_tile = (first + row) % kTileCols == 0 && row + kTileCols <= source.rows;
    if (is_tile && dtype_ == DType::kBFloat16) {
      pack_tiles(source, row, column_of(first + row));
      row += kTileCols;
    } else {
      pack_column(source, row, column_of(first + row));
      ++row;
    }
  }
}

void PackedMatrix::pack_rows(ConstRows source, int64_t first) {
  CHECK(!is_quantized_, "plain rows for a quantized matrix");
  CHECK(source.cols == k_, "rows of {} for a matrix with k = {}", source.cols, k_);
  CHECK(first >= 0 && first + source.rows <= n_, "columns {}+{} of {}", first, source.rows, n_);
  pack(source, first, [](int64_t i) { return i; });
}

void PackedMatrix::pack_gate_up_rows(ConstRows source, int64_t first, bool is_up) {
  CHECK(!is_quantized_, "plain rows for a quantized matrix");
  CHECK(source.cols == k_, "rows of {} for a matrix with k = {}", source.cols, k_);
  CHECK(n_ % 2 == 0 && first >= 0 && first + source.rows <= n_ / 2, "rows {}+{} of {}", first, source.rows, n_ / 2);
  pack(source, first, [is_up](int64_t i) { return gate_up_column(i, is_up); });
}

void PackedMatrix::check_source(const QuantizedRows& source) const {
  CHECK(is_quantized_ && source.format == format_, "rows of another format than the matrix'");
  CHECK(source.cols == k_, "rows of {} for a matrix with k = {}", source.cols, k_);
  const auto has = [&](const auto& values, int64_t of_row) {
    return static_cast<int64_t>(values.size()) == source.rows * of_row;
  };
  const bool has_minimums = format_.offsets == QuantizedFormat::Offsets::kMinimums;
  const bool has_zeros = format_.offsets == QuantizedFormat::Offsets::kGroupZeros;
  const int64_t sub_groups = format_.has_two_levels() ? source.groups() : 0;
  CHECK(has(source.codes, k_) && has(source.scales, source.super_groups()) && has(source.sub_scales, sub_groups) &&
            has(source.zeros, has_zeros ? source.groups() : 0) &&
            has(source.minimums, has_minimums ? source.super_groups() : 0) &&
            has(source.sub_minimums, has_minimums ? sub_groups : 0),
        "{} rows of {} with {} codes, {} scales, {} sub-scales, {} zeros, {} minimums, {} sub-minimums", source.rows,
        source.cols, source.codes.size(), source.scales.size(), source.sub_scales.size(), source.zeros.size(),
        source.minimums.size(), source.sub_minimums.size());
}

template <typename ColumnOf>
void PackedMatrix::pack(const QuantizedRows& source, int64_t first, const ColumnOf& column_of) {
  for (int64_t row = 0; row < source.rows;) {
    const int64_t column = column_of(first + row);
    const int64_t count = std::min(source.rows - row, kTileCols - column % kTileCols);
    pack_quantized(panels_, source, row, count, buffer_.data() + column / kPanelCols * panel_bytes(),
                   column % kPanelCols);
    row += count;
  }
}

void PackedMatrix::pack_rows(const QuantizedRows& source, int64_t first) {
  check_source(source);
  CHECK(first >= 0 && first + source.rows <= n_, "columns {}+{} of {}", first, source.rows, n_);
  pack(source, first, [](int64_t i) { return i; });
}

void PackedMatrix::pack_gate_up_rows(const QuantizedRows& source, int64_t first, bool is_up) {
  check_source(source);
  CHECK(n_ % 2 == 0 && first >= 0 && first + source.rows <= n_ / 2, "rows {}+{} of {}", first, source.rows, n_ / 2);
  pack(source, first, [is_up](int64_t i) { return gate_up_column(i, is_up); });
}

void PackedMatrix::set_input_order(std::vector<int32_t> order) {
  CHECK(order.empty() || static_cast<int64_t>(order.size()) == k_, "an order of {} of {} inputs", order.size(), k_);
  for (const int32_t input : order) CHECK(input >= 0 && input < k_, "input {} of {}", input, k_);
  input_order_ = std::move(order);
}

void PackedMatrix::read_column(int64_t column, float* out) const {
  CHECK(column >= 0 && column < n_, "column {} of {}", column, n_);
  if (k_ == 0) return;
  if (!input_order_.empty()) {
    for (int64_t i = 0; i < k_; ++i) out[input_order_[static_cast<size_t>(i)]] = at(column, i);
    return;
  }
  if (is_quantized_) return read_quantized_column(panels_, panel(column / kPanelCols), column % kPanelCols, out);
  if (dtype_ == DType::kFloat32) {
    const float* const in = buffer_.as<float>() + offset(column, 0);
    for (int64_t i = 0; i < k_; ++i) out[i] = in[i * kPanelCols];
    return;
  }
  for (int64_t block = 0; block < k_; block += kBlockK) {
    const BFloat16* const in = buffer_.as<BFloat16>() + offset(column, block);
    const int64_t count = std::min(kBlockK, k_ - block);
    for (int64_t i = 0; i < count; ++i) out[block + i] = to_float(in[i / 2 * (2 * kTileCols) + i % 2]);
  }
}

float PackedMatrix::at(int64_t column, int64_t input) const {
  CHECK(column >= 0 && column < num_panels() * kPanelCols && input >= 0 && input < k_, "[{}, {}] of [{}, {}]", column,
        input, n_, k_);
  if (is_quantized_) {
    const QuantizedElement element = quantized_element(panels_, panel(column / kPanelCols), column % kPanelCols, input);
    const float product = element.scale * element.value;
    return panels_.offsets == QuantizedPanels::Offsets::kMinimums ? product + element.minimum : product;
  }
  if (dtype_ == DType::kFloat32) return buffer_.as<float>()[offset(column, input)];
  return to_float(buffer_.as<BFloat16>()[offset(column, input)]);
}

}  // namespace braid
