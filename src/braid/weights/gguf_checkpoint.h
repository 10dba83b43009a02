// A GGUF file's configuration and tensors, under Hugging Face's names. Tested by checkpoint_test.cc.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "braid/config/model_config.h"
#include "braid/formats/gguf_parts.h"
#include "braid/weights/stored_tensor.h"

namespace braid {

struct GgufCheckpoint {
  ModelConfig config;
  GenerationDefaults generation;
  std::map<std::string, StoredTensor, std::less<>> tensors;  // a tensor without a Hugging Face name keeps its own
};

// The files of `parts` must outlive the tensors. Errors begin with the first file's name.
Result<GgufCheckpoint> read_gguf_checkpoint(const GgufParts& parts);

}  // namespace braid
