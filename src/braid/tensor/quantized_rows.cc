#include "braid/tensor/quantized_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "braid/base/check.h"
#include "braid/tensor/float8.h"

namespace braid {
namespace {

size_t at(int64_t index) {
  return static_cast<size_t>(index);
}

float value_of(const QuantizedFormat& format, uint8_t code) {
  switch (format.values) {
    case QuantizedFormat::Values::kInteger:
      return static_cast<float>(code);
    case QuantizedFormat::Values::kTable:
      return static_cast<float>(format.table[code]) * format.table_unit;
    case QuantizedFormat::Values::kE4m3:
      return e4m3_to_float(code);
  }
  return 0;
}

// Of the rows of `from`, the part [begin, end) of `width` values each.
template <typename T>
std::vector<T> part_of_rows(const std::vector<T>& from, int64_t rows, int64_t width, IndexRange part) {
  if (from.empty()) return {};
  std::vector<T> out;
  out.reserve(at(rows * (part.end - part.begin)));
  for (int64_t row = 0; row < rows; ++row) {
    out.insert(out.end(), from.begin() + row * width + part.begin, from.begin() + row * width + part.end);
  }
  return out;
}

// One value for each group of `group` columns of `cols`, from values for groups of `old_group`, of which rows have
// `width`.
template <typename T>
std::vector<T> regroup(const std::vector<T>& from, int64_t rows, int64_t width, int64_t old_group, IndexRange cols,
                       int64_t group) {
  if (from.empty()) return {};
  std::vector<T> out;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = cols.begin; col < cols.end; col += group) {
      out.push_back(from[at(row * width + col / old_group)]);
    }
  }
  return out;
}

int64_t whole_row(int64_t cols) {
  return std::max<int64_t>((cols + 31) / 32 * 32, 32);
}

}  // namespace

QuantizedRows::QuantizedRows(const QuantizedFormat& format_, int64_t rows_, int64_t cols_, bool is_act_order)
    : format(format_), rows(rows_), cols(cols_), codes(at(rows_ * cols_)) {
  CHECK(format.group > 0 && (!format.has_two_levels() || format.super_group % format.group == 0), "groups of {} in {}",
        format.group, format.super_group);
  const bool has_minimums = format.offsets == QuantizedFormat::Offsets::kMinimums;
  scales.resize(at(rows * super_groups()));
  if (has_minimums) minimums.resize(scales.size());
  if (format.has_two_levels()) {
    sub_scales.resize(at(rows * groups()));
    if (has_minimums) sub_minimums.resize(sub_scales.size());
  }
  if (format.offsets == QuantizedFormat::Offsets::kGroupZeros) zeros.resize(at(rows * groups()));
  if (is_act_order) {
    input_order.resize(at(cols));
    std::iota(input_order.begin(), input_order.end(), 0);
  }
}

void dequantize_row(const QuantizedRows& from, int64_t row, float* out) {
  const QuantizedFormat& format = from.format;
  const int64_t groups = from.groups();
  const int64_t groups_of_scale = format.has_two_levels() ? format.super_group / format.group : 1;
  for (int64_t group = 0; group < groups; ++group) {
    const size_t own = at(row * groups + group);
    const size_t outer = at(row * from.super_groups() + group / groups_of_scale);
    float scale = from.scales[outer];
    if (format.has_two_levels()) scale *= static_cast<float>(from.sub_scales[own]);
    const int64_t end = std::min((group + 1) * format.group, from.cols);
    if (format.offsets == QuantizedFormat::Offsets::kMinimums) {
      float minimum = from.minimums[outer];
      if (format.has_two_levels()) minimum *= static_cast<float>(from.sub_minimums[own]);
      for (int64_t col = group * format.group; col < end; ++col) {
        out[col] = scale * value_of(format, from.codes[at(row * from.cols + col)]) + minimum;
      }
      continue;
    }
    const bool has_zeros = format.offsets == QuantizedFormat::Offsets::kGroupZeros;
    const auto zero = static_cast<float>(has_zeros ? from.zeros[own] : format.fixed_zero);
    for (int64_t col = group * format.group; col < end; ++col) {
      out[col] = scale * (value_of(format, from.codes[at(row * from.cols + col)]) - zero);
    }
  }
}

std::optional<QuantizedFormat> format_of_cols(const QuantizedFormat& format, int64_t num_cols, IndexRange cols) {
  QuantizedFormat cut = format;
  if (cols.begin == 0 && cols.end == num_cols) return cut;
  if (!format.has_two_levels() && format.group >= num_cols) {  // one group a row
    cut.group = static_cast<int32_t>(whole_row(cols.end - cols.begin));
    return cut;
  }
  // Where a row ends, the last group may be shorter. Any other end must be a group's.
  const int64_t end = cols.end == num_cols ? 0 : cols.end;
  cut.group = static_cast<int32_t>(std::gcd(std::gcd(cols.begin, end), int64_t{format.group}));
  const int32_t smallest = format.group % 32 == 0 ? 32 : 16;
  if (cut.group % smallest != 0) return std::nullopt;
  if (format.has_two_levels()) {
    cut.super_group = static_cast<int32_t>(std::gcd(cols.begin, int64_t{format.super_group}));
  }
  return cut;
}

QuantizedRows slice_cols(const QuantizedRows& from, IndexRange cols) {
  CHECK(from.input_order.empty() || (cols.begin == 0 && cols.end == from.cols), "a cut of rows in act order");
  const auto format = format_of_cols(from.format, from.cols, cols);
  CHECK(format.has_value(), "columns [{}, {}) of groups of {}", cols.begin, cols.end, from.format.group);
  QuantizedRows out;
  out.format = *format;
  out.rows = from.rows;
  out.cols = cols.end - cols.begin;
  out.codes = part_of_rows(from.codes, from.rows, from.cols, cols);
  const bool has_two = format->has_two_levels();
  const int64_t old_outer = has_two ? from.format.super_group : from.format.group;
  const int64_t outer = has_two ? format->super_group : format->group;
  const int64_t width = from.super_groups();
  out.scales = regroup(from.scales, from.rows, width, old_outer, cols, outer);
  out.minimums = regroup(from.minimums, from.rows, width, old_outer, cols, outer);
  const int64_t groups = from.groups();
  out.sub_scales = regroup(from.sub_scales, from.rows, groups, from.format.group, cols, format->group);
  out.sub_minimums = regroup(from.sub_minimums, from.rows, groups, from.format.group, cols, format->group);
  out.zeros = regroup(from.zeros, from.rows, groups, from.format.group, cols, format->group);
  out.input_order = from.input_order;
  return out;
}

QuantizedRows slice_rows(const QuantizedRows& from, int64_t first, int64_t count) {
  CHECK(first >= 0 && count >= 0 && first + count <= from.rows, "rows {}+{} of {}", first, count, from.rows);
  const auto part = [&](const auto& values) {
    const auto width = static_cast<ptrdiff_t>(values.size()) / std::max<int64_t>(from.rows, 1);
    return std::remove_cvref_t<decltype(values)>(values.begin() + first * width,
                                                 values.begin() + (first + count) * width);
  };
  QuantizedRows out;
  out.format = from.format;
  out.rows = count;
  out.cols = from.cols;
  out.codes = part(from.codes);
  out.scales = part(from.scales);
  out.sub_scales = part(from.sub_scales);
  out.zeros = part(from.zeros);
  out.minimums = part(from.minimums);
  out.sub_minimums = part(from.sub_minimums);
  out.input_order = from.input_order;
  return out;
}

void put_rows(const QuantizedRows& from, int64_t first, QuantizedRows& to) {
  CHECK(from.format == to.format && from.cols == to.cols && first + from.rows <= to.rows);
  const auto put = [&](const auto& source, auto& target) {
    if (target.empty()) return;
    const auto width = static_cast<ptrdiff_t>(target.size()) / to.rows;
    std::ranges::copy(source, target.begin() + first * width);
  };
  put(from.codes, to.codes);
  put(from.scales, to.scales);
  put(from.sub_scales, to.sub_scales);
  put(from.zeros, to.zeros);
  put(from.minimums, to.minimums);
  put(from.sub_minimums, to.sub_minimums);
}

std::string format_text(const QuantizedFormat& format) {
  const char* const kind = format.values == QuantizedFormat::Values::kE4m3    ? " (E4M3)"
                           : format.values == QuantizedFormat::Values::kTable ? " (a table)"
                                                                              : "";
  return fmt::format("{} bits{}, groups of {}{}", format.bits, kind, format.group,
                     format.has_two_levels() ? fmt::format(" in {}", format.super_group) : "");
}

}  // namespace braid
