// A family of models: one file in families/, one line in registry.cc. Tested by load_model_test.cc and
// worker/transformers_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/config/model_config.h"
#include "braid/model/layers/layer_spec.h"
#include "braid/weights/weight_table.h"

namespace braid {

struct ModelFamily {
  std::string_view architecture;  // as in config.json's "architectures"
  LayerSpec (*layer)(const ModelConfig& config, int32_t layer);

  // Every tensor that a model of the family needs, by the checkpoint's full names; of its vision tower, too.
  WeightTable weights(const ModelConfig& config) const;
};

}  // namespace braid
