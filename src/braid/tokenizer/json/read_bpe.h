// Reads the model of a tokenizer.json: byte-pair encoding. Tested by tokenizer_json_test.cc.
#pragma once

#include <memory>

#include "braid/base/result.h"
#include "braid/tokenizer/json/json_access.h"
#include "braid/tokenizer/model/bpe_model.h"

namespace braid {

// Vocabulary, merges (as "left right" or as pairs) and options. A dropout is refused: equal texts get equal ids.
Result<std::unique_ptr<TokenizerModel>> read_bpe(const JsonPart& part);

}  // namespace braid
