// The parts that a tokenizer.json may name, and how each is read: one table of makers by name for each of the five
// kinds of parts. A new part needs its class (parts/), a maker, and a line in its table. Tested by
// tokenizer_json_test.cc and ../combinations_reference_test.cc.
#pragma once

#include <memory>

#include "braid/base/result.h"
#include "braid/tokenizer/json/json_access.h"
#include "braid/tokenizer/parts/parts.h"

namespace braid {

// `part` is an object with a "type". An unknown type is an error that names the part, the type and the known ones.
Result<std::unique_ptr<Normalizer>> read_normalizer(const JsonPart& part);
Result<std::unique_ptr<PreTokenizer>> read_pre_tokenizer(const JsonPart& part);
Result<std::unique_ptr<TokenizerModel>> read_model(const JsonPart& part);
Result<std::unique_ptr<PostProcessor>> read_post_processor(const JsonPart& part);
Result<std::unique_ptr<TokenizerDecoder>> read_decoder(const JsonPart& part);

}  // namespace braid
