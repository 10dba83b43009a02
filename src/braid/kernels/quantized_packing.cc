#include "braid/kernels/quantized_packing.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

#include "braid/tensor/dtype.h"

namespace braid {
namespace {

using Panels = QuantizedPanels;

constexpr int64_t kLines = 8;      // of a half, as bytes
constexpr int64_t kHalfCols = 16;  // columns of a half; each has 4 bytes of every line

// A column's 4 bytes of each line.
using Words = std::array<uint32_t, kLines>;

// The bits that each plane holds: the lowest of a code first.
struct Planes {
  explicit Planes(int32_t bits) : has_nibbles(bits == 4 || bits == 5 || bits == 6), crumbs_shift(bits == 6 ? 4 : 0) {
    has_bytes = bits == 8;
    has_crumbs = bits == 2 || bits == 3 || bits == 6;
    has_single_bits = bits == 3 || bits == 5;
    single_bits_shift = bits - 1;
  }
  bool has_bytes = false;
  bool has_nibbles = false;
  bool has_crumbs = false;
  bool has_single_bits = false;
  int32_t crumbs_shift = 0;
  int32_t single_bits_shift = 0;
};

void store_word(std::byte* to, uint32_t word) {
  std::memcpy(to, &word, sizeof word);
}

uint32_t load_word(const std::byte* from) {
  uint32_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// `lines` [8][16] words: `count` columns, to `out`, the first column's bytes of the half's first line.
void store_planes(const Planes& planes, const uint32_t (&lines)[kLines][kHalfCols], int64_t count, std::byte* out) {
  constexpr int64_t kLineBytes = 64;
  if (planes.has_bytes) {
    for (int64_t line = 0; line < kLines; ++line) {
      for (int64_t c = 0; c < count; ++c) store_word(out + line * kLineBytes + c * 4, lines[line][c]);
    }
    return;
  }
  if (planes.has_nibbles) {
    for (int64_t line = 0; line < 4; ++line, out += kLineBytes) {
      for (int64_t c = 0; c < count; ++c) {
        const uint32_t low = lines[line][c] & 0x0f0f0f0fU;
        const uint32_t high = lines[line + 4][c] & 0x0f0f0f0fU;
        store_word(out + c * 4, low | (high << 4));
      }
    }
  }
  if (planes.has_crumbs) {
    for (int64_t line = 0; line < 2; ++line, out += kLineBytes) {
      for (int64_t c = 0; c < count; ++c) {
        uint32_t word = 0;
        for (int64_t i = 0; i < 4; ++i) {
          word |= ((lines[4 * line + i][c] >> planes.crumbs_shift) & 0x03030303U) << (2 * i);
        }
        store_word(out + c * 4, word);
      }
    }
  }
  if (planes.has_single_bits) {
    for (int64_t c = 0; c < count; ++c) {
      uint32_t word = 0;
      for (int64_t i = 0; i < kLines; ++i) {
        word |= ((lines[i][c] >> planes.single_bits_shift) & 0x01010101U) << i;
      }
      store_word(out + c * 4, word);
    }
  }
}

// The reverse for one column.
Words load_planes(const Planes& planes, const std::byte* in) {
  constexpr int64_t kLineBytes = 64;
  Words words = {};
  if (planes.has_bytes) {
    for (size_t line = 0; line < kLines; ++line) words[line] = load_word(in + line * kLineBytes);
    return words;
  }
  if (planes.has_nibbles) {
    for (size_t line = 0; line < 4; ++line, in += kLineBytes) {
      const uint32_t word = load_word(in);
      words[line] = word & 0x0f0f0f0fU;
      words[line + 4] = (word >> 4) & 0x0f0f0f0fU;
    }
  }
  if (planes.has_crumbs) {
    for (size_t line = 0; line < 2; ++line, in += kLineBytes) {
      const uint32_t word = load_word(in);
      for (size_t i = 0; i < 4; ++i) {
        words[4 * line + i] |= ((word >> (2 * i)) & 0x03030303U) << planes.crumbs_shift;
      }
    }
  }
  if (planes.has_single_bits) {
    const uint32_t word = load_word(in);
    for (size_t i = 0; i < kLines; ++i) words[i] |= ((word >> i) & 0x01010101U) << planes.single_bits_shift;
  }
  return words;
}

// Rounds to nearest even; the values that come here are float16 already.
uint16_t float16_bits(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000U);
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) return static_cast<uint16_t>(sign | 0x7e00U | ((magnitude >> 13) & 0x3ffU));
  if (magnitude >= 0x477ff000U) return static_cast<uint16_t>(sign | 0x7c00U);  // rounds to 65536 or more
  if (magnitude < 0x38800000U) {                                               // below 2^-14: a multiple of 2^-24
    const float steps = std::bit_cast<float>(magnitude) * 0x1p24F + 0x1p23F;   // rounds to an integer
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(steps) - std::bit_cast<uint32_t>(0x1p23F)));
  }
  const uint32_t rebased = magnitude - (112U << 23);
  return static_cast<uint16_t>(sign | ((rebased + 0xfffU + ((rebased >> 13) & 1U)) >> 13));
}

float e8m0_value(uint8_t byte) {
  if (byte == 0) return 0x1p-127F;
  if (byte == 0xff) return std::numeric_limits<float>::quiet_NaN();
  return std::bit_cast<float>(uint32_t{byte} << 23);
}

float e4m3_value(uint8_t byte) {
  const uint32_t sign = uint32_t{byte & 0x80U} << 24;
  const uint32_t magnitude = byte & 0x7fU;
  if (magnitude == 0x7f) return std::bit_cast<float>(sign | 0x7fc00000U);
  if (magnitude < 8) {
    const float value = static_cast<float>(magnitude) * 0x1p-9F;
    return sign == 0 ? value : -value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 20) + (120U << 23)));
}

// Element `index` of a part that holds one-level scales or minimums.
void store_scale(Panels::Scales scales, std::byte* part, int64_t index, float value) {
  switch (scales) {
    case Panels::Scales::kFloat16: {
      const uint16_t bits = float16_bits(value);
      std::memcpy(part + index * 2, &bits, sizeof bits);
      return;
    }
    case Panels::Scales::kBFloat16: {
      const BFloat16 rounded = to_bfloat16(value);
      std::memcpy(part + index * 2, &rounded, sizeof rounded);
      return;
    }
    case Panels::Scales::kE8m0:
      part[index] = static_cast<std::byte>((std::bit_cast<uint32_t>(value) >> 23) & 0xffU);
      return;
    default:
      std::memcpy(part + index * 4, &value, sizeof value);
  }
}

float load_scale(Panels::Scales scales, const std::byte* part, int64_t index) {
  switch (scales) {
    case Panels::Scales::kFloat16: {
      Float16 value;
      std::memcpy(&value, part + index * 2, sizeof value);
      return to_float(value);
    }
    case Panels::Scales::kBFloat16: {
      BFloat16 value;
      std::memcpy(&value, part + index * 2, sizeof value);
      return to_float(value);
    }
    case Panels::Scales::kE8m0:
      return e8m0_value(static_cast<uint8_t>(part[index]));
    default: {
      float value = 0;
      std::memcpy(&value, part + index * 4, sizeof value);
      return value;
    }
  }
}

std::array<int32_t, 2> load_nibbles(std::byte byte) {
  const auto value = static_cast<uint8_t>(byte);
  return {value & 15, value >> 4};
}

// A sub-minimum of 6 bits: four in the minimums' part, the highest two behind the sub-scale's six.
int32_t load_sub_minimum(const Panels& panels, const std::byte* panel, int64_t column, int64_t group) {
  const std::byte low = panel[panels.minimums_at + group / 2 * Panels::kPanelCols + column];
  const auto with_scale = static_cast<uint8_t>(panel[panels.scales_at + group * Panels::kPanelCols + column]);
  return load_nibbles(low)[static_cast<size_t>(group % 2)] | (with_scale >> 6 << 4);
}

void store_sub_scale_and_minimum(const Panels& panels, int32_t scale, int32_t minimum, std::byte* panel, int64_t column,
                                 int64_t group) {
  std::byte& low = panel[panels.minimums_at + group / 2 * Panels::kPanelCols + column];
  const int32_t other = load_nibbles(low)[static_cast<size_t>(1 - group % 2)];
  low = static_cast<std::byte>(group % 2 == 0 ? other << 4 | (minimum & 15) : (minimum & 15) << 4 | other);
  panel[panels.scales_at + group * Panels::kPanelCols + column] =
      static_cast<std::byte>((scale & 63) | (minimum >> 4 << 6));
}

// A group's scale or minimum, from its part (and that of the super-scales).
float group_scale(const Panels& panels, const std::byte* panel, int64_t at, int64_t super_at, bool is_minimum,
                  int64_t column, int64_t group) {
  const std::byte* part = panel + at;
  const int64_t index = group * Panels::kPanelCols + column;
  if (!panels.has_two_levels) return load_scale(panels.scales, part, index);
  int32_t sub = 0;
  switch (panels.scales) {
    case Panels::Scales::kTwoLevelsU4:
      sub = load_nibbles(part[index])[is_minimum ? 1 : 0];
      break;
    case Panels::Scales::kTwoLevelsU6:
      sub = is_minimum ? load_sub_minimum(panels, panel, column, group) : static_cast<uint8_t>(part[index]) & 63;
      break;
    default:
      sub = static_cast<int8_t>(part[index]);
  }
  const int64_t super_group = group * panels.group / panels.super_group;
  return load_scale(Panels::Scales::kFloat16, panel + super_at, super_group * Panels::kPanelCols + column) *
         static_cast<float>(sub);
}

QuantizedElement group_element(const Panels& panels, const std::byte* panel, int64_t column, int64_t group) {
  QuantizedElement element = {
      .scale = group_scale(panels, panel, panels.scales_at, panels.super_scales_at, false, column, group)};
  if (panels.values == Panels::Values::kTable) element.scale *= panels.table_unit;
  if (panels.offsets == Panels::Offsets::kMinimums) {
    element.minimum = group_scale(panels, panel, panels.minimums_at, panels.super_minimums_at, true, column, group);
  }
  return element;
}

int32_t zero_of(const Panels& panels, const std::byte* panel, int64_t column, int64_t group) {
  if (panels.offsets == Panels::Offsets::kGroupZeros) {
    return static_cast<uint8_t>(panel[panels.zeros_at + group * Panels::kPanelCols + column]);
  }
  return panels.offsets == Panels::Offsets::kFixedZero ? panels.fixed_zero : 0;
}

float value_of(const Panels& panels, uint8_t code, int32_t zero) {
  switch (panels.values) {
    case Panels::Values::kTable:
      return panels.table[code];
    case Panels::Values::kE4m3:
      return e4m3_value(code);
    default:
      return static_cast<float>(code - zero);
  }
}

const std::byte* column_codes(const Panels& panels, const std::byte* panel, int64_t column, int64_t unit) {
  return panel + panels.codes_at + unit * panels.unit_bytes + column / kHalfCols * panels.half_bytes +
         column % kHalfCols * 4;
}

void pack_codes(const Panels& panels, const QuantizedRows& source, int64_t row, int64_t count, std::byte* panel,
                int64_t column) {
  const Planes planes(panels.bits);
  uint32_t lines[kLines][kHalfCols] = {};
  for (int64_t unit = 0; unit < panels.units; ++unit) {
    const int64_t first = unit * Panels::kUnitK;
    const int64_t length = std::min(Panels::kUnitK, source.cols - first);
    for (int64_t c = 0; c < count; ++c) {
      uint8_t codes[Panels::kUnitK] = {};
      std::memcpy(codes, source.codes.data() + (row + c) * source.cols + first, static_cast<size_t>(length));
      for (int64_t line = 0; line < kLines; ++line) std::memcpy(&lines[line][c], codes + line * 4, 4);
    }
    store_planes(planes, lines, count, const_cast<std::byte*>(column_codes(panels, panel, column, unit)));
  }
}

}  // namespace

void pack_quantized(const QuantizedPanels& panels, const QuantizedRows& source, int64_t row, int64_t count,
                    std::byte* panel, int64_t column) {
  pack_codes(panels, source, row, count, panel, column);
  const bool has_minimums = panels.offsets == Panels::Offsets::kMinimums;
  for (int64_t c = 0; c < count; ++c) {
    const int64_t groups_at = (row + c) * panels.groups;  // in the source
    const auto index = [&](int64_t group) { return group * Panels::kPanelCols + column + c; };
    for (int64_t group = 0; group < panels.groups; ++group) {
      const auto from = static_cast<size_t>(groups_at + group);
      if (panels.scales == Panels::Scales::kTwoLevelsU4) {
        panel[panels.scales_at + index(group)] =
            static_cast<std::byte>((source.sub_scales[from] & 15) | (source.sub_minimums[from] << 4));
      } else if (panels.scales == Panels::Scales::kTwoLevelsU6) {
        store_sub_scale_and_minimum(panels, source.sub_scales[from], source.sub_minimums[from], panel, column + c,
                                    group);
      } else if (panels.has_two_levels) {
        panel[panels.scales_at + index(group)] = static_cast<std::byte>(source.sub_scales[from]);
      } else {
        store_scale(panels.scales, panel + panels.scales_at, index(group), source.scales[from]);
        if (has_minimums) store_scale(panels.scales, panel + panels.minimums_at, index(group), source.minimums[from]);
      }
      if (panels.offsets == Panels::Offsets::kGroupZeros) {
        panel[panels.zeros_at + index(group)] = static_cast<std::byte>(source.zeros[from]);
      }
    }
    for (int64_t group = 0; group < panels.super_groups; ++group) {
      const auto from = static_cast<size_t>((row + c) * panels.super_groups + group);
      store_scale(Panels::Scales::kFloat16, panel + panels.super_scales_at, index(group), source.scales[from]);
      if (!has_minimums) continue;
      store_scale(Panels::Scales::kFloat16, panel + panels.super_minimums_at, index(group), source.minimums[from]);
    }
  }
}

QuantizedElement quantized_element(const QuantizedPanels& panels, const std::byte* panel, int64_t column,
                                   int64_t input) {
  const Words words = load_planes(Planes(panels.bits), column_codes(panels, panel, column, input / Panels::kUnitK));
  const int64_t in_unit = input % Panels::kUnitK;
  const auto code = static_cast<uint8_t>(words[static_cast<size_t>(in_unit / 4)] >> (in_unit % 4 * 8));
  const int64_t group = input / panels.group;
  QuantizedElement element = group_element(panels, panel, column, group);
  element.value = value_of(panels, code, zero_of(panels, panel, column, group));
  return element;
}

void read_quantized_column(const QuantizedPanels& panels, const std::byte* panel, int64_t column, float* out) {
  const Planes planes(panels.bits);
  const bool has_minimums = panels.offsets == Panels::Offsets::kMinimums;
  int64_t group = -1;
  int32_t zero = 0;
  QuantizedElement element;
  for (int64_t unit = 0; unit < panels.units; ++unit) {
    const Words words = load_planes(planes, column_codes(panels, panel, column, unit));
    const int64_t first = unit * Panels::kUnitK;
    const int64_t length = std::min(Panels::kUnitK, panels.k - first);
    for (int64_t i = 0; i < length; ++i) {
      if (i % 16 == 0 && (first + i) / panels.group != group) {
        group = (first + i) / panels.group;
        element = group_element(panels, panel, column, group);
        zero = zero_of(panels, panel, column, group);
      }
      const auto code = static_cast<uint8_t>(words[static_cast<size_t>(i / 4)] >> (i % 4 * 8));
      const float product = element.scale * value_of(panels, code, zero);
      out[first + i] = has_minimums ? product + element.minimum : product;
    }
  }
}

}  // namespace braid
