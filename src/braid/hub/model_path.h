// Resolves `--model-path`: a Hugging Face directory, a GGUF file, or a model in the local Hugging Face cache.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/formats/resolved_model.h"
#include "braid/hub/hub_cache.h"

namespace braid {

// `model_path`: a path, or org/name[@revision][:variant] in the cache. Errors say what was looked for, and how to
// download it.
Result<ResolvedModel> resolve_model_path(const std::string& model_path, const ModelPathEnvironment& environment);

// Whether this file or folder exists, so that the text is a path and not a name of the hub.
bool is_local_path(const std::string& model_path);

// The model in a snapshot's folder: the folder, or for a variant its (first) GGUF file. Files may be missing.
Result<ResolvedModel> find_in_snapshot(const std::string& snapshot, const std::string& variant);

}  // namespace braid
