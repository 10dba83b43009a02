#include "braid/model/family.h"

#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/vision/vision_tower.h"

namespace braid {

WeightTable ModelFamily::weights(const ModelConfig& config) const {
  WeightTable table;
  append(table, decoder_tensors(config));
  for (int32_t i = 0; i < config.num_layers; ++i) append(table, layer_tensors(layer(config, i), config, i));
  if (config.vision) {
    const WeightTable vision = vision_tensors(*config.vision);
    table.insert(table.end(), vision.begin(), vision.end());
  }
  return table;
}

}  // namespace braid
