#include "braid/kernels/ref/quantized_dot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "braid/base/float_mode.h"
#include "braid/kernels/quantized_packing.h"
#include "braid/kernels/ref/ref_ops.h"

namespace braid::ref {
namespace {

constexpr int64_t kUnitK = 32;

// Which of the codes of a row's inputs.
enum class Codes { kFirst, kSecond };

struct RoundedUnit {
  std::vector<int32_t> codes;
  float scale = 0;
};

RoundedUnit round_unit(ConstRows x, int64_t row, int64_t begin, int64_t end, Codes which) {
  RoundedUnit unit = {.codes = std::vector<int32_t>(static_cast<size_t>(end - begin))};
  float largest = 0;
  for (int64_t k = begin; k < end; ++k) {
    const float value = load(x, row, k);
    if (!std::isfinite(value)) {
      unit.scale = std::numeric_limits<float>::quiet_NaN();
      return unit;
    }
    const bool is_larger = std::abs(value) > std::abs(largest);
    if (is_larger || value == std::abs(largest)) largest = value;  // of two with one magnitude the positive one
  }
  if (std::abs(largest) < 0x1p-100F) return unit;
  unit.scale = largest / -128.0F;
  if (which == Codes::kSecond) unit.scale /= 127.0F;
  for (int64_t k = begin; k < end; ++k) {
    float steps = load(x, row, k) * (-128.0F / largest);
    if (which == Codes::kSecond) steps = (steps - std::min(std::nearbyint(steps), 127.0F)) * 127.0F;
    unit.codes[static_cast<size_t>(k - begin)] = std::min(static_cast<int32_t>(std::nearbyint(steps)), 127);
  }
  return unit;
}

float dot_of_codes(ConstRows x, int64_t row, const PackedMatrix& w, int64_t column, Codes which) {
  const QuantizedPanels& panels = w.panels();
  const std::byte* panel = w.panel(column / PackedMatrix::kPanelCols);
  const int64_t part_k = std::min(panels.group, kUnitK);
  float sum = 0;
  for (int64_t begin = 0; begin < w.k(); begin += kUnitK) {
    const int64_t end = std::min(begin + kUnitK, w.k());
    const RoundedUnit unit = round_unit(x, row, begin, end, which);
    for (int64_t part = begin; part < end; part += part_k) {
      int32_t dot = 0;
      int32_t codes = 0;
      QuantizedElement element;
      for (int64_t k = part; k < std::min(part + part_k, end); ++k) {
        element = quantized_element(panels, panel, column % PackedMatrix::kPanelCols, k);
        const int32_t code = unit.codes[static_cast<size_t>(k - begin)];
        dot += static_cast<int32_t>(element.value) * code;
        codes += code;
      }
      sum = std::fma(static_cast<float>(dot), element.scale * unit.scale, sum);
      if (panels.offsets != QuantizedPanels::Offsets::kMinimums) continue;
      sum = std::fma(element.minimum, unit.scale * static_cast<float>(codes), sum);
    }
  }
  return sum;
}

}  // namespace

float rounded_dot(ConstRows x, int64_t row, const PackedMatrix& w, int64_t column) {
  const FlushDenormals flush;
  const float sum = dot_of_codes(x, row, w, column, Codes::kFirst);
  return w.activations() == ActivationBits::k8 ? sum : sum + dot_of_codes(x, row, w, column, Codes::kSecond);
}

float widened_weight(const PackedMatrix& w, int64_t column, int64_t input) {
  const float element = w.at(column, input);
  return w.dtype() == DType::kBFloat16 ? to_float(to_bfloat16(element)) : element;
}

}  // namespace braid::ref
