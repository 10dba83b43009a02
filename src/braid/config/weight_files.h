// Lists the files of a Hugging Face directory that hold its weights. Tested by hub/model_path_test.cc and
// hub/hub_files_test.cc.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

inline constexpr std::string_view kWeightIndexName = "model.safetensors.index.json";
inline constexpr std::string_view kWeightFileName = "model.safetensors";

struct WeightFiles {
  std::vector<std::string> names;                     // sorted, each once
  std::map<std::string, std::string> file_of_tensor;  // from the index; empty: no index
};

// Parses an index. Every name in the result is plain.
Result<WeightFiles> parse_weight_index(std::string_view text);

// The files of the index; else model.safetensors; else every *.safetensors, because some repositories use other names.
// Files of an index may be missing.
Result<WeightFiles> list_weight_files(const std::string& folder);

// Whether a file name from an index is safe: one plain name, without '/', NUL, "." or "..".
bool is_plain_file_name(std::string_view name);

}  // namespace braid
