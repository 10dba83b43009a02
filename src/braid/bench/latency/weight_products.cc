#include "braid/bench/latency/weight_products.h"

#include "braid/base/check.h"
#include "braid/kernels/quantized_layout.h"
#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/registry.h"

namespace braid {
namespace {

WeightProduct::Rows rows_of(const WeightSpec& spec) {
  if (spec.shard == Shard::kVocab) return WeightProduct::Rows::kJudged;
  return is_expert(spec.shard) ? WeightProduct::Rows::kExpert : WeightProduct::Rows::kTokens;
}

// Of n columns: a panel's bytes, without those of the columns that fill up the last one.
double packed_bytes(const QuantizedFormat& format, int64_t n, int64_t k) {
  return static_cast<double>(quantized_panels(format, k).panel_bytes * n) / QuantizedPanels::kPanelCols;
}

}  // namespace

std::vector<WeightProduct> weight_products(
    const WeightTable& table, const ModelConfig& config, DType dtype, ActivationBits activations,
    FunctionRef<std::optional<QuantizedFormat>(const WeightSpec& spec)> format_of) {
  const DecoderTensors outside = decoder_tensors(config);
  const std::string& head = outside.head ? outside.head->name : outside.embedding.name;
  std::vector<WeightProduct> products;
  for (const WeightSpec& spec : table) {
    const bool is_in_layer = spec.name.starts_with("model.layers.");
    if (spec.shape.size() != 2 || (!is_in_layer && spec.name != head)) continue;
    const int64_t n = spec.shape[0];
    const int64_t k = spec.shape[1];
    WeightProduct product = {
        .rows = rows_of(spec), .n = static_cast<double>(n), .k = static_cast<double>(k), .weight_bytes = 0};
    if (const auto format = format_of(spec)) {
      product.weight_bytes = packed_bytes(*format, n, k);
      product.arithmetic = arithmetic_of(*format, activations, dtype);
      if (allows_rounded_rows(*format)) product.operations = operations_of(activations);
    } else {
      const DType own = matrix_use(spec.shard) == MatrixUse::kExact ? DType::kFloat32 : dtype;
      product.weight_bytes = product.n * product.k * static_cast<double>(dtype_bytes(own));
      product.arithmetic = arithmetic_of(own);
    }
    products.push_back(product);
  }
  return products;
}

std::vector<WeightProduct> weight_products(const Checkpoint& checkpoint, DType dtype,
                                           const QuantizedWeights& quantized) {
  const ModelConfig& config = checkpoint.config();
  const ModelFamily* const family = find_family(config.architecture);
  CHECK(family != nullptr, "{}", config.architecture);
  const ActivationBits activations = quantized.activations.value_or(ActivationBits::kExact);
  return weight_products(family->weights(config), config, dtype, activations,
                         [&](const WeightSpec& spec) { return kept_format(spec, checkpoint, quantized); });
}

}  // namespace braid
