// Rows of quantized weights as codes and scales: what readers of checkpoints make, and what packing reads. Each file
// format's own arrangement of bits ends here. Plain data. Tested by quantized_rows_test.cc.
//
// An element is, in float32 and in this order of operations (s: its group's scale):
//   kFixedZero, kGroupZeros   s * (value - zero)
//   kMinimums                 s * value + m, with the group's minimum m
// where s = scale for one level, super_scale * sub_scale for two; and m likewise.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/index_range.h"

namespace braid {

struct QuantizedFormat {
  // What a code stands for.
  enum class Values : uint8_t {
    kInteger,  // itself
    kTable,    // table[code]; 4 bits
    kE4m3,     // an 8-bit float with 4 bits of exponent, without infinities (OCP 8-bit floating point, E4M3)
  };
  // How exactly scales must be kept. The packed form may keep any of them in a type that holds all its values.
  enum class Scales : uint8_t {
    kFloat16,
    kBFloat16,
    kFloat32,
    kE8m0,            // a power of two, 2^(byte - 127)
    kFloat16TimesU8,  // two levels: the super-group's float16 times an unsigned integer of the group; with minimums
    kFloat16TimesS8,  // the same with a signed byte
  };
  enum class Offsets : uint8_t {
    kFixedZero,   // fixed_zero, the same for all
    kGroupZeros,  // an unsigned byte of each group
    kMinimums,    // a minimum of each group, in the form of `scales`
  };

  Values values = Values::kInteger;
  Scales scales = Scales::kFloat16;
  Offsets offsets = Offsets::kFixedZero;
  int32_t bits = 4;                // of a code, which is unsigned: 2, 3, 4, 5, 6 or 8
  int32_t fixed_zero = 0;          // kFixedZero
  int32_t group = 32;              // inputs (k) that share a scale: 16, or a multiple of 32
  int32_t super_group = 0;         // inputs that share a super-scale; 0: one level
  int32_t sub_scale_bits = 8;      // of kFloat16TimesU8's sub-scales and sub-minimums: 4 or 6
  std::array<int8_t, 16> table{};  // kTable
  float table_unit = 1.0F;         // kTable: multiplies the table's integers (MXFP4 has halves)

  bool has_two_levels() const { return super_group > 0; }
  bool operator==(const QuantizedFormat&) const = default;
};

// [rows, cols] elements. The last group of a row may be shorter.
struct QuantizedRows {
  QuantizedFormat format;
  int64_t rows = 0;
  int64_t cols = 0;
  std::vector<uint8_t> codes;         // [rows, cols]
  std::vector<float> scales;          // one level: [rows, groups]; two: [rows, super-groups]
  std::vector<int16_t> sub_scales;    // two levels: [rows, groups]
  std::vector<uint8_t> zeros;         // kGroupZeros: [rows, groups]
  std::vector<float> minimums;        // kMinimums: as `scales`
  std::vector<int16_t> sub_minimums;  // kMinimums, two levels: [rows, groups]
  // The model's input that column c of `codes` multiplies; empty: input c. (GPTQ's act-order assigns inputs to groups
  // by their size, not by their place. Here each group's inputs are adjacent, so inputs must be gathered in this
  // order.)
  std::vector<int32_t> input_order;  // [cols]

  QuantizedRows() = default;
  // Codes and scales are zeros. `is_act_order` makes input_order, which is the identity then.
  QuantizedRows(const QuantizedFormat& format, int64_t rows, int64_t cols, bool is_act_order = false);

  int64_t groups() const { return (cols + format.group - 1) / format.group; }
  int64_t super_groups() const {
    return format.has_two_levels() ? (cols + format.super_group - 1) / format.super_group : groups();
  }
};

// Row `row` by the definition above, in the order of the codes: `out` has [cols] values.
void dequantize_row(const QuantizedRows& from, int64_t row, float* out);

// The format of columns `cols` of rows that have `num_cols`. Where the cut is not at a multiple of the groups, smaller
// groups repeat their scales; absent: it is inside the smallest groups possible (32 inputs, or 16 if `format` has
// those).
std::optional<QuantizedFormat> format_of_cols(const QuantizedFormat& format, int64_t num_cols, IndexRange cols);

// A copy of these columns, in format_of_cols(). Rows in act order cannot be cut.
QuantizedRows slice_cols(const QuantizedRows& from, IndexRange cols);
// A copy of these rows.
QuantizedRows slice_rows(const QuantizedRows& from, int64_t first, int64_t count);

// Copies all of `from` to rows [first, first + from.rows) of `to`, which has the same format and columns.
void put_rows(const QuantizedRows& from, int64_t first, QuantizedRows& to);

// "4 bits, groups of 32": for logs and errors.
std::string format_text(const QuantizedFormat& format);

}  // namespace braid
