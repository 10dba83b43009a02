#include "braid/bench/kernels/bench_weights.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "braid/formats/ggml_type.h"

namespace braid {
namespace {

using Scales = QuantizedFormat::Scales;

const QuantizedFormat& of_gguf(uint32_t type) {
  return *find_ggml_type(type)->format;
}

}  // namespace

const std::vector<BenchWeights>& bench_weights() {
  constexpr int32_t kRow = 1 << 20;  // a group that is a whole row
  static const std::vector<BenchWeights> all = {
      {"q4_0", of_gguf(2)},
      {"q4_1", of_gguf(3)},
      {"q8_0", of_gguf(8)},
      {"q4_k", of_gguf(12)},
      {"q5_k", of_gguf(13)},
      {"q6_k", of_gguf(14)},
      {"int8", {.scales = Scales::kFloat32, .bits = 8, .fixed_zero = 128, .group = kRow}},
      {"fp8",  // in blocks of 128 x 128
       {.values = QuantizedFormat::Values::kE4m3, .scales = Scales::kFloat32, .bits = 8, .group = 128}},
      {"fp8_channel", {.values = QuantizedFormat::Values::kE4m3, .scales = Scales::kFloat32, .bits = 8, .group = kRow}},
  };
  return all;
}

const BenchWeights* find_bench_weights(std::string_view name) {
  const std::vector<BenchWeights>& all = bench_weights();
  const auto found = std::ranges::find(all, name, &BenchWeights::name);
  return found == all.end() ? nullptr : &*found;
}

QuantizedRows random_quantized_rows(const QuantizedFormat& format, int64_t rows, int64_t cols) {
  std::mt19937 random(1);
  QuantizedRows result(format, rows, cols);
  const auto fill = [&](auto& values, int64_t of_row, const auto& value) {
    values.resize(static_cast<size_t>(rows * of_row));
    for (auto& each : values) each = value();
  };
  // A power of two is exact in every type of scale.
  const float scale = std::exp2(-std::ceil(std::log2(std::sqrt(static_cast<float>(cols))) + 6));
  const auto code = [&] { return static_cast<uint8_t>(random() % (1U << format.bits)); };
  const auto finite_code = [&] { return static_cast<uint8_t>(code() & 0xf7U); };  // no NaN in E4M3
  if (format.values == QuantizedFormat::Values::kE4m3) {
    fill(result.codes, cols, finite_code);
  } else {
    fill(result.codes, cols, code);
  }
  // Rows with a scale of their own have different ones; otherwise a panel has one, as in a block of FP8.
  const bool is_by_row = format.scales == Scales::kFloat32 && result.super_groups() == 1;
  fill(result.scales, result.super_groups(),
       [&] { return is_by_row ? scale * static_cast<float>(256 + random() % 256) / 256 : scale; });
  const auto small = [&] { return static_cast<int16_t>(random() % 64); };
  if (format.has_two_levels()) fill(result.sub_scales, result.groups(), small);
  if (format.offsets == QuantizedFormat::Offsets::kMinimums) {
    fill(result.minimums, result.super_groups(), [&] { return -scale; });
    if (format.has_two_levels()) fill(result.sub_minimums, result.groups(), small);
  }
  return result;
}

}  // namespace braid
