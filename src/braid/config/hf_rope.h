// Reads the rotary embedding's part of config.json: rope_theta and rope_scaling, or transformers 5's rope_parameters.
#pragma once

#include "braid/config/hf_class.h"
#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

// Fills config.rope and, if the class has one, config.local_rope. `config` must have head_dim and max_position.
Status read_hf_rope(const JsonObject& json, const HfClass& defaults, ModelConfig& config);

}  // namespace braid
