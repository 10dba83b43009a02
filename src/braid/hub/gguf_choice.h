// Which GGUF file of a repository "org/name:Q4_K_M" means.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

// Of `paths` (of all a repository's files) those of the model whose name ends in `variant` as a word of its own
// ("model-Q4_K_M.gguf", "Q4_K_M/model-Q4_K_M-00001-of-00002.gguf"; letters of either case), or that are exactly
// `variant`; of a model in parts all, the first first. An error lists what there is.
Result<std::vector<std::string>> choose_gguf(std::span<const std::string> paths, std::string_view variant);

// How many files a model with this one has: 3 of "model-00001-of-00003.gguf", else 1.
int64_t gguf_num_parts(std::string_view path);

// The words by which choose_gguf finds each model among `paths`: "Q4_K_M", "Q8_0".
std::vector<std::string> gguf_variants(std::span<const std::string> paths);

}  // namespace braid
