// Text to token ids and back, as the checkpoint's own tokenizer does it. Immutable once made; threads may share one.
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

// How a stream of ids is shown as text.
struct TextStreamOptions {
  bool skip_special_tokens = true;
  // The ids go on where other text ends: what decoding drops at a text's beginning (SentencePiece's first space) is
  // kept.
  bool continues_text = false;
};

// Ids to text as they come: a stage may hold text back until it is certain.
class TextStream {
 public:
  virtual ~TextStream() = default;
  // Appends to `out` what has become certain with this id.
  virtual void push(TokenId id, std::string& out) = 0;
  // Appends the rest; nothing may be pushed after it.
  virtual void finish(std::string& out) = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // UTF-8 text (each malformed byte sequence counts as U+FFFD) to ids. Added tokens in the text are recognised, as
  // Hugging Face does. `add_special_tokens` runs the post-processor (a beginning-of-sequence token, say).
  virtual std::vector<TokenId> encode(std::string_view text, bool add_special_tokens) const = 0;

  // Ids to text; ids outside the vocabulary give nothing. May end in, and contain, U+FFFD for broken UTF-8.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const = 0;

  // The same as a stream, which must not outlive the tokenizer.
  virtual std::unique_ptr<TextStream> start_stream(TextStreamOptions options) const = 0;

  // The bytes that an id stands for, before any joining rule (for logprobs' `bytes` and for grammars).
  virtual std::string token_bytes(TokenId id) const = 0;

  virtual std::optional<TokenId> token_to_id(std::string_view token) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  virtual int64_t vocab_size() const = 0;  // ids lie in [0, vocab_size), added tokens included
};

// Turns a stream of ids into a stream of text: never half a character, and joined it equals the whole decode (but for
// the beginning of one that continues a text).
class IncrementalDecoder {
 public:
  IncrementalDecoder(const Tokenizer& tokenizer, TextStreamOptions options);

  // The text that has become certain with this id; may be empty.
  std::string push(TokenId id);
  // The rest, when no more ids come (an incomplete character becomes U+FFFD, as in the whole decode).
  std::string finish();

 private:
  std::unique_ptr<TextStream> stream_;
};

// From the text of a tokenizer.json. Errors name the part that is wrong or not supported.
Result<std::unique_ptr<Tokenizer>> make_tokenizer_from_json(std::string_view tokenizer_json);

}  // namespace braid
