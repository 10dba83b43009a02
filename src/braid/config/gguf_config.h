// Reads a model's configuration from a GGUF file's metadata (the architectures of gguf_architectures.cc), as the same
// ModelConfig that config.json would give.
#pragma once

#include "braid/config/model_config.h"
#include "braid/formats/gguf.h"

namespace braid {

// Errors do not name the file. Some facts are only in the tensors' names: whether the model has its own head, biases,
// and which layers have experts. rope.frequency_factors stays empty; weights/gguf_checkpoint.cc fills it.
Result<ModelConfig> read_gguf_config(const GgufFile& file);

// general.sampling.…
Result<GenerationDefaults> read_gguf_generation(const GgufFile& file);

}  // namespace braid
