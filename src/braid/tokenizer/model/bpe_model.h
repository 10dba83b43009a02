// Byte-pair encoding (Sennrich et al. 2016), as in Hugging Face `tokenizers`. Tested by ../tokenizer_reference_test.cc
// and
// ../combinations_reference_test.cc.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/model/merge_table.h"
#include "braid/tokenizer/model/vocabulary.h"
#include "braid/tokenizer/model/word_cache.h"
#include "braid/tokenizer/parts/parts.h"

namespace braid {

struct BpeOptions {
  std::optional<std::string> unknown_token;  // for characters outside the vocabulary; if absent, they are dropped
  std::string continuing_subword_prefix;     // before every character except a word's first
  std::string end_of_word_suffix;            // after a word's last character
  bool fuse_unknown = false;                 // adjacent unknown characters become one token
  bool byte_fallback = false;                // unknown characters become the tokens of their bytes, <0x00> … <0xFF>
  bool ignore_merges = false;                // a word that is a token becomes that token, without merging
};

// A merge, by the texts of its two tokens.
using TextMerge = std::pair<std::string, std::string>;

// The working memory of one thread while it merges.
struct BpeScratch {
  struct Symbol {
    TokenId id = 0;
    int32_t previous = -1;
    int32_t next = -1;
  };
  struct Candidate {
    uint32_t rank = 0;
    uint32_t position = 0;
    TokenId merged = 0;
  };
  WordCache cache;
  std::vector<TokenId> ids;
  std::vector<uint32_t> ranks;
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
};

class BpeModel final : public TokenizerModel {
 public:
  // `merges` are in order of priority. A merge that names a token outside the vocabulary is an error.
  static Result<std::unique_ptr<BpeModel>> make(Vocabulary vocabulary, const std::vector<TextMerge>& merges,
                                                BpeOptions options);
  // The same, with merges already resolved to ids (`table`).
  static Result<std::unique_ptr<BpeModel>> make(Vocabulary vocabulary, MergeTable table, BpeOptions options);

  void tokenize(std::string_view piece, Scratch& scratch, std::vector<TokenId>& out) const override;
  std::optional<TokenId> token_to_id(std::string_view token) const override { return vocabulary_.find(token); }
  std::optional<std::string_view> id_to_token(TokenId id) const override { return vocabulary_.token(id); }
  int64_t vocab_size() const override { return vocabulary_.size(); }

 private:
  BpeModel(Vocabulary vocabulary, MergeTable merges, BpeOptions options);

  bool words_are_apart() const;
  void tokenize_word(std::string_view word, BpeScratch& scratch, std::vector<TokenId>& out) const;
  void to_characters(std::string_view word, std::vector<TokenId>& ids) const;
  bool append_bytes(std::string_view character, std::vector<TokenId>& ids) const;
  std::optional<TokenId> character_id(std::string_view character) const;

  static constexpr size_t kNumDirectCharacters = 0x180;

  Vocabulary vocabulary_;
  MergeTable merges_;
  BpeOptions options_;
  std::array<TokenId, kNumDirectCharacters> direct_ids_{};  // of the first characters, -1 for none
  std::array<TokenId, 256> byte_ids_{};                     // of <0x00> …, -1 for none
  TokenId unknown_id_ = -1;
  bool words_are_apart_ = false;  // no merge crosses the start of a word, which U+2581 marks
};

}  // namespace braid
