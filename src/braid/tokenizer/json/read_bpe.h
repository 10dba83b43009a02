// The model of a tokenizer.json: byte-pair encoding.
#pragma once

#include <memory>

#include "braid/base/result.h"
#include "braid/tokenizer/json/json_access.h"
#include "braid/tokenizer/model/bpe_model.h"

namespace braid {

// Vocabulary, merges (as "left right" or as pairs) and options. A dropout is refused: braid's tokenizers are functions.
Result<std::unique_ptr<TokenizerModel>> read_bpe(const JsonPart& part);

}  // namespace braid
