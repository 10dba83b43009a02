// The five kinds of parts of a tokenizer (the same five as in a tokenizer.json). A new normalizer, pre-tokenizer, … is
// one class in this folder and one line in json/registry.cc. Parts are immutable; all mutable state is in the Scratch.
// Tested by parts_reference_test.cc.
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

// The working memory of a thread that encodes. A tokenizer keeps several and lends them out.
struct Scratch {
  RegexScratch regex;
  std::unique_ptr<struct BpeScratch> bpe;

  Scratch();
  ~Scratch();
};

// Text to text; the first step.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // An upper bound on the ratio of a text's bytes after and before.
  virtual double growth() const = 0;
  // Returns false if `text` (valid UTF-8) does not change; otherwise sets `out`.
  virtual bool normalize(std::string_view text, RegexScratch& scratch, std::string& out) const = 0;
};

// A part of the text on its way to the model.
struct Piece {
  std::string_view text;
  bool is_first = false;  // at the very beginning of the whole text
};
using PieceSink = FunctionRef<void(const Piece&)>;

// Splits a piece into smaller, non-empty pieces. Each is passed on at once and valid only during the call.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // An upper bound on the ratio of the bytes of all resulting pieces and the bytes of the original piece.
  virtual double growth() const { return 1; }
  virtual void split(const Piece& piece, Scratch& scratch, PieceSink sink) const = 0;
};

// Turns a piece into ids.
class TokenizerModel {
 public:
  virtual ~TokenizerModel() = default;
  virtual void tokenize(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const = 0;
  virtual std::optional<TokenId> token_to_id(std::string_view token) const = 0;
  virtual std::optional<std::string_view> id_to_token(TokenId id) const = 0;
  virtual int64_t vocab_size() const = 0;  // largest id + 1
};

// Adds the special tokens to the ids.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual void add_special_tokens(std::vector<TokenId>& ids) const = 0;
};

// A part of a token's text during decoding. Stages may cut tokens into chunks, or join tokens.
struct Chunk {
  std::string_view text;
  bool starts_token = true;
};
using ChunkSink = FunctionRef<void(const Chunk&)>;

// Tokens to text, as a stream. Decoding a whole text runs the same stream to its end, so the two cannot differ.
class DecoderState {
 public:
  virtual ~DecoderState() = default;
  virtual void push(const Chunk& chunk, ChunkSink sink) = 0;
  // Called after the last chunk.
  virtual void finish(ChunkSink sink) = 0;
};

class TokenizerDecoder {
 public:
  virtual ~TokenizerDecoder() = default;
  // An upper bound on the ratio of a text's bytes and the bytes of its tokens.
  virtual double growth() const { return 1; }
  // `continues_text`: the first token is not the beginning of a text.
  virtual std::unique_ptr<DecoderState> start(bool continues_text) const = 0;
  // The bytes of one token by itself, without the rules that join tokens.
  virtual std::string token_bytes(std::string token) const = 0;
};

}  // namespace braid
