// Downloads models that are named as on the hub. Tested by tests/e2e/test_hub.py.
#pragma once

#include <string>
#include <string_view>

#include "braid/api/text_model.h"
#include "braid/base/result.h"

namespace braid {

// False: `log_level`, the flag's value, asks for errors only.
bool shows_progress(std::string_view log_level);

// Replaces the names in `source` by paths; downloads what is not in the cache. Shows a progress bar on stderr, unless
// `log_level` asks for errors only.
Status fetch_models(ModelSourceOptions& source, const std::string& log_level);

// The same for commands that read only tokenizer and template.
Status fetch_text_files(ModelSourceOptions& source);

}  // namespace braid
