#include "braid/weights/weight_codes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "braid/base/check.h"
#include "braid/tensor/buffer.h"
#include "braid/tensor/float16.h"
#include "braid/weights/checkpoint.h"

namespace braid {
namespace {

constexpr int64_t kIntegerGroup = 32;

using Block = std::span<const float>;

void round_block(Block values, float scale, int32_t bits, uint8_t* codes) {
  const int32_t zero = 1 << (bits - 1);
  const float inverse = scale == 0 ? 0 : 1.0F / scale;
  // 8 bits leave out the lowest code, so that the range is symmetric.
  const auto lowest = static_cast<float>(bits == 8 ? 1 - zero : -zero);
  const auto highest = static_cast<float>(zero - 1);
  for (size_t i = 0; i < values.size(); ++i) {
    const float rounded = std::nearbyint(std::clamp(values[i] * inverse, lowest, highest));
    codes[i] = static_cast<uint8_t>(static_cast<int32_t>(rounded) + zero);
  }
}

float float16_scale(float scale) {
  return to_float(to_float16(scale));
}

// The scale with the least squared error for these codes.
float best_scale(Block values, const uint8_t* codes, int32_t zero) {
  float products = 0;
  float squares = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto integer = static_cast<float>(codes[i] - zero);
    products += values[i] * integer;
    squares += integer * integer;
  }
  return squares == 0 ? 0 : products / squares;
}

// False: the scale is no float16.
bool quantize_block(Block values, int32_t bits, float& scale, uint8_t* codes) {
  float largest = 0;  // the value of the largest magnitude
  for (const float value : values) {
    if (!std::isfinite(value)) return false;
    if (std::abs(value) > std::abs(largest)) largest = value;
  }
  const int32_t zero = 1 << (bits - 1);
  scale = float16_scale(bits == 8 ? std::abs(largest) / 127 : largest / static_cast<float>(-zero));
  if (!std::isfinite(scale)) return false;
  round_block(values, scale, bits, codes);
  if (bits == 8) return true;
  const float better = float16_scale(best_scale(values, codes, zero));
  if (better != 0 && std::isfinite(better)) {
    scale = better;
    round_block(values, scale, bits, codes);
  }
  return true;
}

}  // namespace

QuantizedFormat integer_format(int32_t bits) {
  CHECK(bits == 4 || bits == 8, "{} bits", bits);
  return {.bits = bits, .fixed_zero = 1 << (bits - 1), .group = kIntegerGroup};
}

std::optional<QuantizedFormat> kept_format(const StoredTensor& tensor, const QuantizedWeights& how, MatrixUse use) {
  if (!how.activations || use == MatrixUse::kExact || tensor.shape.size() != 2) return std::nullopt;
  if (use != MatrixUse::kLayer && tensor.parts != nullptr && !tensor.parts->input_order.empty()) return std::nullopt;
  if (const auto stored = tensor.quantized_format()) return stored;
  if (!tensor.plain || how.quantization == Quantization::kNone) return std::nullopt;
  return integer_format(how.quantization == Quantization::kInt8 || use == MatrixUse::kVocab ? 8 : 4);
}

DType row_dtype(const Checkpoint& checkpoint, const QuantizedWeights& how, DType dtype) {
  const bool rounds_rows = std::ranges::any_of(checkpoint.tensors(), [&](const auto& named) {
    const auto format = kept_format(named.second, how, MatrixUse::kLayer);
    return format && *how.activations != ActivationBits::kExact && allows_rounded_rows(*format);
  });
  return rounds_rows ? DType::kFloat32 : dtype;
}

bool quantize_rows(ConstRows source, QuantizedRows& out) {
  CHECK(source.dtype == DType::kFloat32 && source.rows == out.rows && source.cols == out.cols &&
        out.format == integer_format(out.format.bits));
  const int64_t groups = out.groups();
  for (int64_t row = 0; row < out.rows; ++row) {
    for (int64_t group = 0; group < groups; ++group) {
      const int64_t first = group * kIntegerGroup;
      const Block values(source.row<float>(row) + first,
                         static_cast<size_t>(std::min(kIntegerGroup, out.cols - first)));
      if (!quantize_block(values, out.format.bits, out.scales[static_cast<size_t>(row * groups + group)],
                          out.codes.data() + row * out.cols + first)) {
        return false;
      }
    }
  }
  return true;
}

Result<QuantizedRows> read_weight_codes(const StoredTensor& tensor, const QuantizedFormat& format, int64_t first,
                                        int64_t count) {
  if (tensor.quantized_format() == format) return tensor.read_quantized(first, count);
  const RowsBuffer floats(DType::kFloat32, count, tensor.cols());
  TRY_STATUS(tensor.read_rows(first, floats.first(count)));
  QuantizedRows out(format, count, tensor.cols());
  if (!quantize_rows(floats.first(count), out)) {
    return fail("{} has a value in rows {} to {} that is not finite, or too large to be quantized",
                describe(tensor.stored_name, tensor), first, first + count - 1);
  }
  return out;
}

}  // namespace braid
