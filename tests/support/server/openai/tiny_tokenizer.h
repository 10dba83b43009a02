// A tokenizer for tests of the protocol: token i is the i-th of a few byte strings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/tokenizer/tokenizer.h"

namespace braid::openai::testing {

class TinyTokenizer : public Tokenizer {
 public:
  std::vector<TokenId> encode(std::string_view, bool) const override { return {0}; }
  std::string decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (const TokenId id : ids) text += token_bytes(id);
    // Like a tokenizer that puts a space in front of every text.
    return text.starts_with(' ') ? text.substr(1) : text;
  }
  // Not needed: nothing streams with it.
  std::unique_ptr<TextStream> start_stream(TextStreamOptions) const override { return nullptr; }
  std::string token_bytes(TokenId id) const override {
    return std::vector<std::string>{"a", "\xc3", "\xa9", "\xc3\xa9", "</s>", " b"}[static_cast<size_t>(id)];
  }
  std::optional<TokenId> token_to_id(std::string_view) const override { return std::nullopt; }
  bool is_special(TokenId id) const override { return id == kStop; }
  int64_t vocab_size() const override { return 6; }

  static constexpr TokenId kA = 0;
  static constexpr TokenId kHalf = 1;       // the first byte of "é"
  static constexpr TokenId kOtherHalf = 2;  // and the second
  static constexpr TokenId kWhole = 3;      // "é"
  static constexpr TokenId kStop = 4;
  static constexpr TokenId kSpaceB = 5;
};

}  // namespace braid::openai::testing
