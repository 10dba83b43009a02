// Finds the GGUF file that a name like "org/name:Q4_K_M" means.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// `paths` are all files of a repository. Returns the files of the model whose name ends in `variant` as a separate word
// ("model-Q4_K_M.gguf", "Q4_K_M/model-Q4_K_M-00001-of-00002.gguf"; case does not matter) or equals `variant`; all
// parts, first part first. An error lists the variants.
Result<std::vector<std::string>> choose_gguf(std::span<const std::string> paths, std::string_view variant);

// The number of files of this file's model: 3 for "model-00001-of-00003.gguf", else 1.
int64_t gguf_num_parts(std::string_view path);

// The variants by which choose_gguf finds each model among `paths`: "Q4_K_M", "Q8_0".
std::vector<std::string> gguf_variants(std::span<const std::string> paths);

}  // namespace braid
