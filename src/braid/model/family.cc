#include "braid/model/family.h"

#include "braid/model/layers/decoder_tensors.h"

namespace braid {

WeightTable ModelFamily::weights(const ModelConfig& config) const {
  WeightTable table;
  append(table, decoder_tensors(config));
  for (int32_t i = 0; i < config.num_layers; ++i) append(table, layer_tensors(layer(config, i), config, i));
  return table;
}

}  // namespace braid
