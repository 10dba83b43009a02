// The five kinds of parts that a tokenizer is put together from (the same five as in a tokenizer.json). A new kind of
// normalizer, pre-tokenizer, … is one class here and one line in json/registry.cc. Parts are immutable; what changes
// while they work lies in the Scratch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/request/ids.h"
#include "braid/tokenizer/regex/regex_scratch.h"

namespace braid {

// What a thread needs while it encodes. A tokenizer keeps some and lends them out.
struct Scratch {
  RegexScratch regex;
  std::unique_ptr<struct BpeScratch> bpe;

  Scratch();
  ~Scratch();
};

// Text to text, before everything else.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // An upper bound of a text's bytes afterwards, over those before.
  virtual double growth() const = 0;
  // Returns false where `text` (valid UTF-8) stays as it is; otherwise sets `out`.
  virtual bool normalize(std::string_view text, RegexScratch& scratch, std::string& out) const = 0;
};

// A part of the text on its way to the model.
struct Piece {
  std::string_view text;
  bool is_first = false;  // it stands at the very beginning of the whole text
};
using PieceSink = FunctionRef<void(const Piece&)>;

// A piece to smaller pieces (never empty ones), each handed on at once and valid only during the call.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // An upper bound of the bytes of all pieces together, over the bytes of the piece that they come from.
  virtual double growth() const { return 1; }
  virtual void split(const Piece& piece, Scratch& scratch, PieceSink sink) const = 0;
};

// A piece to ids.
class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;
  virtual void tokenize(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const = 0;
  virtual std::optional<TokenId> token_to_id(std::string_view token) const = 0;
  virtual std::optional<std::string_view> id_to_token(TokenId id) const = 0;
  virtual int64_t vocab_size() const = 0;  // largest id + 1
};

// Ids to ids: adds the special tokens.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual void add_special_tokens(std::vector<TokenId>& ids) const = 0;
};

// A stretch of a token's text on its way out. Stages may cut tokens into chunks and join tokens to one.
struct Chunk {
  std::string_view text;
  bool starts_token = true;
};
using ChunkSink = FunctionRef<void(const Chunk&)>;

// Tokens to text, as a stream: decoding whole texts is the same stream run to its end, so the two cannot differ.
class DecoderState {
 public:
  virtual ~DecoderState() = default;
  virtual void push(const Chunk& chunk, ChunkSink sink) = 0;
  // No more chunks come.
  virtual void finish(ChunkSink sink) = 0;
};

class TokenizerDecoder {
 public:
  virtual ~TokenizerDecoder() = default;
  // An upper bound of a text's bytes, over those of its tokens.
  virtual double growth() const { return 1; }
  // `continues_text`: other text stands before, so that the first token is none of a text's beginning.
  virtual std::unique_ptr<DecoderState> start(bool continues_text) const = 0;
  // What one token stands for by itself, as bytes, without the rules that join tokens.
  virtual std::string token_bytes(std::string token) const = 0;
};

}  // namespace braid
