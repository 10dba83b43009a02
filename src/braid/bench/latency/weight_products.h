// The products of a step with a model's weights: their sizes, and what they read and multiply as the weights are kept.
// Tested by step_roofline_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/bench/roofline/roofline.h"
#include "braid/config/model_config.h"
#include "braid/tensor/dtype.h"
#include "braid/weights/checkpoint.h"
#include "braid/weights/weight_table.h"

namespace braid {

struct WeightProduct {
  // Which rows it multiplies: all tokens; those of one expert; those whose logits are needed.
  enum class Rows : uint8_t { kTokens, kExpert, kJudged };

  Rows rows = Rows::kTokens;
  double n = 0;
  double k = 0;
  double weight_bytes = 0;  // as packed
  double operations = 2;    // of a weight and a row
  Arithmetic arithmetic = Arithmetic::kBFloat16;
};

// Of all layers and the head; experts of a layer count once. `format_of`: in which a tensor is kept; absent: in the
// dtype. Routers are float32.
std::vector<WeightProduct> weight_products(
    const WeightTable& table, const ModelConfig& config, DType dtype, ActivationBits activations,
    FunctionRef<std::optional<QuantizedFormat>(const WeightSpec& spec)> format_of);

// Of a checkpoint whose family is known, as load_model keeps its tensors.
std::vector<WeightProduct> weight_products(const Checkpoint& checkpoint, DType dtype,
                                           const QuantizedWeights& quantized);

}  // namespace braid
