#include "braid/kernels/quantized_layout.h"

#include <algorithm>
#include <cmath>

#include "braid/base/check.h"

namespace braid {
namespace {

using Panels = QuantizedPanels;

Panels::Values values_of(const QuantizedFormat& format) {
  switch (format.values) {
    case QuantizedFormat::Values::kInteger:
      return Panels::Values::kInteger;
    case QuantizedFormat::Values::kTable:
      return Panels::Values::kTable;
    case QuantizedFormat::Values::kE4m3:
      return Panels::Values::kE4m3;
  }
  return Panels::Values::kInteger;
}

Panels::Scales scales_of(const QuantizedFormat& format) {
  switch (format.scales) {
    case QuantizedFormat::Scales::kFloat16:
      return Panels::Scales::kFloat16;
    case QuantizedFormat::Scales::kBFloat16:
      return Panels::Scales::kBFloat16;
    case QuantizedFormat::Scales::kFloat32:
      return Panels::Scales::kFloat32;
    case QuantizedFormat::Scales::kE8m0:
      return Panels::Scales::kE8m0;
    case QuantizedFormat::Scales::kFloat16TimesU8:
      return format.sub_scale_bits == 4 ? Panels::Scales::kTwoLevelsU4 : Panels::Scales::kTwoLevelsU6;
    case QuantizedFormat::Scales::kFloat16TimesS8:
      return Panels::Scales::kTwoLevelsS8;
  }
  return Panels::Scales::kFloat16;
}

Panels::Offsets offsets_of(const QuantizedFormat& format) {
  switch (format.offsets) {
    case QuantizedFormat::Offsets::kFixedZero:
      return Panels::Offsets::kFixedZero;
    case QuantizedFormat::Offsets::kGroupZeros:
      return Panels::Offsets::kGroupZeros;
    case QuantizedFormat::Offsets::kMinimums:
      return Panels::Offsets::kMinimums;
  }
  return Panels::Offsets::kFixedZero;
}

int64_t scale_bytes(Panels::Scales scales) {
  switch (scales) {
    case Panels::Scales::kFloat16:
    case Panels::Scales::kBFloat16:
      return 2;
    case Panels::Scales::kFloat32:
      return 4;
    default:
      return 1;
  }
}

bool is_power_of_two(float value) {
  int exponent = 0;
  return value > 0 && std::frexp(value, &exponent) == 0.5F;
}

void check(const QuantizedFormat& format) {
  using Format = QuantizedFormat;
  const int32_t bits = format.bits;
  CHECK(bits == 2 || bits == 3 || bits == 4 || bits == 5 || bits == 6 || bits == 8, "codes of {} bits", bits);
  CHECK(format.group == 16 || (format.group > 0 && format.group % 32 == 0), "groups of {}", format.group);
  const bool is_two_levels =
      format.scales == Format::Scales::kFloat16TimesU8 || format.scales == Format::Scales::kFloat16TimesS8;
  CHECK(is_two_levels == format.has_two_levels(), "super-groups of {}", format.super_group);
  CHECK(!is_two_levels || format.super_group % format.group == 0, "super-groups of {} for groups of {}",
        format.super_group, format.group);
  if (format.scales == Format::Scales::kFloat16TimesU8) {
    CHECK(format.sub_scale_bits == 4 || format.sub_scale_bits == 6, "sub-scales of {} bits", format.sub_scale_bits);
    CHECK(format.offsets == Format::Offsets::kMinimums, "unsigned sub-scales without minimums");
  }
  CHECK(format.fixed_zero >= 0 && format.fixed_zero < 1 << bits, "a zero of {}", format.fixed_zero);
  if (format.values == Format::Values::kInteger) return;
  CHECK(format.offsets == Format::Offsets::kFixedZero && format.fixed_zero == 0, "a table or E4M3 with zeros");
  CHECK(format.values != Format::Values::kTable || (bits == 4 && is_power_of_two(format.table_unit)),
        "a table of {} bits in units of {}", bits, format.table_unit);
  CHECK(format.values != Format::Values::kE4m3 || bits == 8, "E4M3 of {} bits", bits);
}

}  // namespace

std::string_view activation_bits_name(ActivationBits activations) {
  switch (activations) {
    case ActivationBits::k8:
      return "8";
    case ActivationBits::k16:
      return "16";
    default:
      return "exact";
  }
}

bool allows_rounded_rows(const QuantizedFormat& format) {
  return format.values != QuantizedFormat::Values::kE4m3;
}

QuantizedPanels quantized_panels(const QuantizedFormat& format, int64_t k) {
  check(format);
  Panels panels = {.values = values_of(format),
                   .scales = scales_of(format),
                   .offsets = offsets_of(format),
                   .bits = format.bits,
                   .fixed_zero = format.fixed_zero,
                   .table_unit = format.table_unit,
                   .has_two_levels = format.has_two_levels(),
                   .half_bytes = int64_t{64} * format.bits,
                   .unit_bytes = int64_t{128} * format.bits,
                   .k = k,
                   .units = (k + Panels::kUnitK - 1) / Panels::kUnitK,
                   .group = format.group,
                   .groups = (k + format.group - 1) / format.group};
  std::copy(format.table.begin(), format.table.end(), panels.table);
  if (format.has_two_levels()) {
    panels.super_group = format.super_group;
    panels.super_groups = (k + format.super_group - 1) / format.super_group;
  }
  int64_t at = 0;
  const auto take = [&](int64_t rows, int64_t bytes) {
    const int64_t begin = at;
    at += (rows * Panels::kPanelCols * bytes + 63) / 64 * 64;
    return begin;
  };
  panels.scales_at = take(panels.groups, scale_bytes(panels.scales));
  if (panels.has_two_levels) panels.super_scales_at = take(panels.super_groups, 2);
  if (panels.offsets == Panels::Offsets::kGroupZeros) panels.zeros_at = take(panels.groups, 1);
  if (panels.offsets == Panels::Offsets::kMinimums) {
    panels.minimums_at = panels.scales_at;
    if (panels.scales == Panels::Scales::kTwoLevelsU6) {
      panels.minimums_at = take((panels.groups + 1) / 2, 1);
    } else if (panels.scales != Panels::Scales::kTwoLevelsU4) {
      panels.minimums_at = take(panels.groups, scale_bytes(panels.scales));
    }
    if (panels.has_two_levels) panels.super_minimums_at = take(panels.super_groups, 2);
  }
  panels.codes_at = at;
  panels.panel_bytes = at + panels.units * panels.unit_bytes;
  return panels;
}

}  // namespace braid
