// Tokens that are found in the text before any other step: special tokens, and tokens that users added. Tested by
// combinations_reference_test.cc and json/tokenizer_json_test.cc.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  // matches only where no word character touches it
  bool lstrip = false;       // also takes the white space before it
  bool rstrip = false;       // … and after it
  bool normalized = false;   // found in normalised text, by its own normal form
  bool special = false;
  std::string text;  // what decoding writes: the content, or its normal form if `normalized`; set by AddedTokens
};

// A set of strings; a search finds the leftmost match, of several there the longest.
class TokenTrie {
 public:
  TokenTrie();
  // If a string is inserted twice, the first counts. Empty strings are ignored.
  void insert(std::string_view text, size_t token);

  struct Match {
    size_t begin = 0;
    size_t end = 0;
    size_t token = 0;
  };
  std::optional<Match> find(std::string_view text, size_t from) const;

 private:
  static constexpr uint32_t kNone = ~uint32_t{0};
  struct Node {
    char byte = 0;
    uint32_t token = kNone;
    uint32_t first_child = kNone;
    uint32_t next_sibling = kNone;
  };
  uint32_t child(uint32_t node, char byte) const;

  std::vector<Node> nodes_;
  std::array<uint32_t, 256> roots_{};  // by first byte, kNone for most
};

class AddedTokens {
 public:
  // Errors: a repeated id or content, a content that is too long.
  static Result<AddedTokens> make(std::vector<AddedToken> tokens, const Normalizer* normalizer);

  struct Part {
    size_t begin = 0;
    size_t end = 0;
    std::optional<TokenId> id;  // absent for ordinary text
  };
  // Splits the text, left to right, at tokens: those found in normalised text, or the others.
  void split(std::string_view text, bool is_normalized, FunctionRef<void(const Part&)> sink) const;

  const AddedToken* find(TokenId id) const;
  std::optional<TokenId> find(std::string_view content) const;
  int64_t max_id() const { return max_id_; }  // -1 if there are none

 private:
  bool touches_word(std::string_view text, size_t begin, size_t end) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<TokenId, size_t> by_id_;
  std::unordered_map<std::string, TokenId> by_content_;
  std::array<TokenTrie, 2> tries_;  // for raw text, for normalised text
  unicode::CodePointSet word_ = unicode::rust_word_characters();
  unicode::CodePointSet space_ = unicode::white_space();
  int64_t max_id_ = -1;
};

}  // namespace braid
