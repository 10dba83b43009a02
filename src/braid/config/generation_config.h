// The sampling defaults that a request falls back to: those of the model, or others, as the command line says.
#pragma once

#include <cstdint>
#include <string>

#include "braid/config/generation_config_options.h"
#include "braid/config/model_config.h"
#include "braid/formats/json.h"

namespace braid {

// `name` begins every error.
Result<GenerationDefaults> read_generation_config(const Json& json, const std::string& name = "generation_config.json");

// `model`: the defaults that the model comes with. Its end tokens stay, whatever the source, unless a folder's file
// names others. Errors name the flag.
Result<GenerationDefaults> choose_generation_config(const GenerationDefaults& model,
                                                    const GenerationConfigOptions& options);

// The sampling parameters that are set, by their keys in generation_config.json.
Json sampling_defaults_json(const GenerationDefaults& defaults);

// An error names the token that the vocabulary lacks.
Status check_end_tokens(const GenerationDefaults& defaults, int64_t vocab_size);

}  // namespace braid
