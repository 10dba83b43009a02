// The rotary embedding's part of config.json: rope_theta and rope_scaling, or transformers 5's rope_parameters.
#pragma once

#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

Result<RopeConfig> read_hf_rope(const JsonObject& config, double default_theta, int64_t max_position);

}  // namespace braid
