// Which files of a Hugging Face directory hold its weights.
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
  std::map<std::string, std::string> file_of_tensor;  // what the index says; empty: no index
};

// What the text of an index says. Each name is a plain one.
Result<WeightFiles> parse_weight_index(std::string_view text);

// The files of the index; else model.safetensors; else every *.safetensors, as some repositories name them otherwise.
// The files of an index may be missing.
Result<WeightFiles> list_weight_files(const std::string& folder);

// Whether a file name out of an index may be used: one plain name, without '/', NUL, "." or "..".
bool is_plain_file_name(std::string_view name);

}  // namespace braid
