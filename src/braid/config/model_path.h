// What `--model-path` names: a Hugging Face directory, a GGUF file, or org/name in the local Hugging Face cache.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "braid/base/result.h"

namespace braid {

// The environment's part, read in cli/.
struct ModelPathEnvironment {
  std::string home = {};          // HOME
  std::string hf_home = {};       // HF_HOME; empty: home/.cache/huggingface
  std::string hf_hub_cache = {};  // HF_HUB_CACHE; empty: hf_home/hub
};

struct ResolvedModel {
  enum class Kind { kDirectory, kGguf };
  Kind kind = Kind::kDirectory;
  std::string path;

  std::string file(std::string_view name) const { return path + "/" + std::string(name); }  // of a directory
};

// Errors say what was looked for, and how to download it.
Result<ResolvedModel> resolve_model_path(const std::string& model_path, const ModelPathEnvironment& environment);

// Whether a file name out of an index may be used: one plain name, without '/', NUL, "." or "..".
bool is_plain_file_name(std::string_view name);

}  // namespace braid
