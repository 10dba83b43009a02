// A tokenizer with a larger vocabulary, to measure what the vocabulary's size costs.
#pragma once

#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "braid/tokenizer/tokenizer.h"

namespace braid {

// The same tokenizer with extra tokens after its own, which its encoder never uses.
class FilledUp final : public Tokenizer {
 public:
  FilledUp(const Tokenizer& base, int64_t vocab_size) : base_(base) {
    std::unordered_set<std::string> known;
    std::vector<TokenId> words;
    for (TokenId id = 0; id < base.vocab_size(); ++id) {
      const std::string bytes = base.token_bytes(id);
      known.insert(bytes);
      if (!base.is_special(id) && bytes.size() >= 2 && bytes.size() <= 8) words.push_back(id);
    }
    std::mt19937 random(1);
    while (base.vocab_size() + static_cast<int64_t>(added_.size()) < vocab_size) {
      std::string joined =
          base.token_bytes(words[random() % words.size()]) + base.token_bytes(words[random() % words.size()]);
      if (known.insert(joined).second) added_.push_back(std::move(joined));
    }
  }

  std::vector<TokenId> encode(std::string_view text, bool special) const override {
    return base_.encode(text, special);
  }
  std::string decode(std::span<const TokenId> ids, bool skip) const override { return base_.decode(ids, skip); }
  std::unique_ptr<TextStream> start_stream(TextStreamOptions options) const override {
    return base_.start_stream(options);
  }
  std::string token_bytes(TokenId id) const override {
    return id < base_.vocab_size() ? base_.token_bytes(id) : added_[static_cast<size_t>(id - base_.vocab_size())];
  }
  std::optional<TokenId> token_to_id(std::string_view token) const override { return base_.token_to_id(token); }
  bool is_special(TokenId id) const override { return id < base_.vocab_size() && base_.is_special(id); }
  int64_t vocab_size() const override { return base_.vocab_size() + static_cast<int64_t>(added_.size()); }

 private:
  const Tokenizer& base_;
  std::vector<std::string> added_;
};

}  // namespace braid
