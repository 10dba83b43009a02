// Text to token ids and back, exactly as the checkpoint's own tokenizer converts it. Immutable; threads may share one.
// Tested by tokenizer_reference_test.cc, tokenizer_limits_test.cc and incremental_decoder_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"

namespace braid {

// How a stream of ids becomes text.
struct TextStreamOptions {
  bool skip_special_tokens = true;
  // The ids continue an earlier text. What decoding drops at a text's beginning (SentencePiece's first space) is kept.
  bool continues_text = false;
};

// Converts ids to text one by one. Text may be held back until later ids cannot change it.
class TextStream {
 public:
  virtual ~TextStream() = default;
  // Appends to `out` the text that this id completes.
  virtual void push(TokenId id, std::string& out) = 0;
  // Appends the rest. No push() may follow.
  virtual void finish(std::string& out) = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // UTF-8 text (each malformed byte sequence counts as U+FFFD) to ids. Added tokens in the text are recognised, as in
  // Hugging Face `tokenizers`. `add_special_tokens` runs the post-processor, which adds e.g. a beginning-of-sequence
  // token.
  virtual std::vector<TokenId> encode(std::string_view text, bool add_special_tokens) const = 0;

  // Ids to text. Ids outside the vocabulary are skipped. Broken UTF-8 becomes U+FFFD, also at the end.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const = 0;

  // Like decode(), as a stream. It must not outlive the tokenizer.
  virtual std::unique_ptr<TextStream> start_stream(TextStreamOptions options) const = 0;

  // The bytes of one id, before any rule that joins tokens (for logprobs' `bytes` and for grammars).
  virtual std::string token_bytes(TokenId id) const = 0;

  virtual std::optional<TokenId> token_to_id(std::string_view token) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  virtual int64_t vocab_size() const = 0;  // ids lie in [0, vocab_size), added tokens included
};

// Turns a stream of ids into a stream of text. It never returns half a character. Joined, its texts equal decode() of
// all ids (except at the beginning, if the stream continues a text).
class IncrementalDecoder {
 public:
  IncrementalDecoder(const Tokenizer& tokenizer, TextStreamOptions options);

  // The text that this id completes; may be empty.
  std::string push(TokenId id);
  // The rest, after the last id. An incomplete character becomes U+FFFD, as in decode().
  std::string finish();

 private:
  std::unique_ptr<TextStream> stream_;
};

// From the text of a tokenizer.json. Errors name the part that is wrong or not supported. Tested by
// json/tokenizer_json_test.cc.
Result<std::unique_ptr<Tokenizer>> make_tokenizer_from_json(std::string_view tokenizer_json);

}  // namespace braid
