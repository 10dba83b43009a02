// Where the defaults of sampling parameters come from, as --generation-config and --override-generation-config say.
// Plain data, read by generation_config.h.
#pragma once

#include <string>

namespace braid {

struct GenerationConfigOptions {
  // "auto": the model's. "none", or "vllm" as vLLM calls it: the engine's own. Else a folder with a
  // generation_config.json to read instead of the model's.
  std::string source = "auto";
  // A JSON object with values that replace those of `source`; null stands for the engine's own. Empty: none.
  std::string overrides = {};
};

}  // namespace braid
