// From a name of the hub to files on this machine: what is not in the Hugging Face cache is downloaded into it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "braid/base/result.h"
#include "braid/hub/hub_cache.h"

namespace braid {

struct FetchOptions {
  ModelPathEnvironment environment = {};
  bool needs_weights = true;                                          // else what tokenizer and templates are in
  std::function<void(int64_t done, int64_t total)> on_progress = {};  // bytes
  std::function<void(const std::string& line)> on_notice = {};        // what a person should know meanwhile
};

// The path of a model, which may also be given as org/name[@revision][:variant]: that of its snapshot, or of its
// (first) GGUF file. A path of this machine, and what is no name at all, is given back as it is. What an error or an
// interruption leaves is taken up by the next call. Errors are one line.
Result<std::string> fetch_model(const std::string& model_path, const FetchOptions& options);

}  // namespace braid
