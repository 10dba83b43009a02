// Reads Hugging Face's config.json. An absent key has transformers' default for the class (checked against transformers
// 5.23), not a default of ours.
#pragma once

#include <string>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

// `name` ("config.json") begins every error. A model that needs something braid does not support (another architecture,
// rope type or activation, an active sliding window, a quant_method) is an error that lists what is supported.
Result<ModelConfig> read_hf_config(const Json& json, const std::string& name = "config.json");

// "Qwen3ForCausalLM", …
std::vector<std::string> known_architectures();

}  // namespace braid
