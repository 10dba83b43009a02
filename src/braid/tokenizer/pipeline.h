// A tokenizer made of parts: added tokens, normalizer, pre-tokenizer, model, post-processor, decoder. Tested by
// tokenizer_reference_test.cc, combinations_reference_test.cc and tokenizer_limits_test.cc.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "braid/tokenizer/added_tokens.h"
#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

struct PipelineParts {
  std::unique_ptr<Normalizer> normalizer;       // may be absent
  std::unique_ptr<PreTokenizer> pre_tokenizer;  // may be absent: the whole text is one word
  std::unique_ptr<TokenizerModel> model;
  std::unique_ptr<PostProcessor> post_processor;  // may be absent
  std::unique_ptr<TokenizerDecoder> decoder;
  AddedTokens added_tokens;
};

std::unique_ptr<Tokenizer> make_pipeline(PipelineParts parts);

}  // namespace braid
