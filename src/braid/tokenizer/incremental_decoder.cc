#include "braid/tokenizer/tokenizer.h"

namespace braid {

IncrementalDecoder::IncrementalDecoder(const Tokenizer& tokenizer, TextStreamOptions options)
    : stream_(tokenizer.start_stream(options)) {}

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
