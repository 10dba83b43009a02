#include "braid/tokenizer/tokenizer.h"

namespace braid {

IncrementalDecoder::IncrementalDecoder(const Tokenizer& tokenizer, bool skip_special_tokens, bool continues_text)
    : stream_(tokenizer.start_stream(skip_special_tokens, continues_text)) {}

std::string IncrementalDecoder::push(TokenId id) {
  std::string text;
  stream_->push(id, text);
  return text;
}

std::string IncrementalDecoder::finish() {
  std::string text;
  stream_->finish(text);
  return text;
}

}  // namespace braid
