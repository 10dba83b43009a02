// Turns a name of the hub into files on this machine: downloads what is missing in the Hugging Face cache. Tested by
// tests/e2e/test_hub.py.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "braid/base/result.h"
#include "braid/hub/hub_cache.h"

namespace braid {

struct FetchOptions {
  ModelPathEnvironment environment = {};
  bool needs_weights = true;                                          // else only the files of tokenizer and templates
  std::function<void(int64_t done, int64_t total)> on_progress = {};  // bytes
  std::function<void(const std::string& line)> on_notice = {};        // messages for the user meanwhile
};

// The local path of a model given as org/name[@revision][:variant]: its snapshot, or its (first) GGUF file. A local
// path, or text that is no hub name, is returned unchanged. A later call continues what an error or an interruption
// left. Errors are one line.
Result<std::string> fetch_model(const std::string& model_path, const FetchOptions& options);

}  // namespace braid
