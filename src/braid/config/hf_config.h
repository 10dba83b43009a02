// Hugging Face's config.json and generation_config.json. A key that is absent has transformers' default for that class
// (checked against transformers 5.23), not a default of ours.
#pragma once

#include <string>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

// `name` ("config.json") begins every error. What the model would need and braid does not have (another architecture,
// rope type, activation, a sliding window that is switched on, quantised weights) is an error that lists what it has.
Result<ModelConfig> read_hf_config(const Json& json, const std::string& name = "config.json");

Result<GenerationDefaults> read_generation_config(const Json& json, const std::string& name = "generation_config.json");

// "Qwen3ForCausalLM", …
std::vector<std::string> known_architectures();

}  // namespace braid
