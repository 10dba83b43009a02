// A model's configuration out of a GGUF file's metadata (the architectures of gguf_architectures.cc), as the same
// ModelConfig that Hugging Face's config.json gives.
#pragma once

#include "braid/config/model_config.h"
#include "braid/formats/gguf.h"

namespace braid {

// Errors do not name the file. What only the tensors tell (whether there is a head of its own, biases, which layers
// have experts) is taken from their names. rope.frequency_factors stays empty: the weights' reader fills it.
Result<ModelConfig> read_gguf_config(const GgufFile& file);

// general.sampling.…
Result<GenerationDefaults> read_gguf_generation(const GgufFile& file);

}  // namespace braid
