// Tokens that are found in the text before anything else happens to it: special ones and those that users added.
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
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // … and after it
  bool normalized = false;   // looked for in the normalised text, as its own normalised form
  bool special = false;
  std::string text;  // what ids become: the content, or its normal form where that is looked for; made by AddedTokens
};

// Many strings, found leftmost-longest.
class TokenTrie {
 public:
  TokenTrie();
  // Of equal strings the first one inserted counts. Empty ones are not kept.
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
  // Errors: an id or a content given twice, a content too long.
  static Result<AddedTokens> make(std::vector<AddedToken> tokens, const Normalizer* normalizer);

  struct Part {
    size_t begin = 0;
    size_t end = 0;
    std::optional<TokenId> id;  // none: ordinary text
  };
  // The text's parts, left to right; with those tokens that are looked for in normalised text, or with the others.
  void split(std::string_view text, bool is_normalized, FunctionRef<void(const Part&)> sink) const;

  const AddedToken* find(TokenId id) const;
  std::optional<TokenId> find(std::string_view content) const;
  int64_t max_id() const { return max_id_; }  // -1 without tokens

 private:
  bool touches_word(std::string_view text, size_t begin, size_t end) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<TokenId, size_t> by_id_;
  std::unordered_map<std::string, TokenId> by_content_;
  std::array<TokenTrie, 2> tries_;  // tokens looked for in raw text, in normalised text
  unicode::CodePointSet word_ = unicode::rust_word_characters();
  unicode::CodePointSet space_ = unicode::white_space();
  int64_t max_id_ = -1;
};

}  // namespace braid
