// Models that are named as the hub names them become files of this machine.
#pragma once

#include <string>

#include "braid/api/text_model.h"
#include "braid/base/result.h"

namespace braid {

// Replaces the names in `source` by paths, downloading what is not in the cache: with a progress bar on stderr, but
// where only errors are wanted.
Status fetch_models(ModelSourceOptions& source, const std::string& log_level);

// The same for commands that read tokenizer and template alone.
Status fetch_text_files(ModelSourceOptions& source);

}  // namespace braid
