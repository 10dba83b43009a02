// What a family of models says of itself: one file in families/, one line in registry.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/model/layers/decoder.h"
#include "braid/model/layers/layer_loader.h"
#include "braid/weights/weight_table.h"

namespace braid {

struct ModelFamily {
  std::string architecture;  // as config.json's "architectures" names it

  // Every tensor that the family reads, by the checkpoint's full names.
  WeightTable (*weights)(const ModelConfig& config);

  Result<LoadedLayer> (*load_layer)(const LayerLoader& loader);
};

}  // namespace braid
