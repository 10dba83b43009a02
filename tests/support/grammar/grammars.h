// Shared by tests of grammars: tokenizers, checks of texts against a grammar, random outputs sampled through its masks.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "braid/grammar/grammar_compiler.h"
#include "braid/grammar/grammar_matcher.h"
#include "braid/grammar/mask/vocabulary.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::grammar::testing {

inline std::unique_ptr<Tokenizer> fixture_tokenizer(const std::string& family) {
  std::ifstream file("src/braid/tokenizer/testdata/" + family + ".json", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  auto tokenizer = make_tokenizer_from_json(text.str());
  CHECK(tokenizer.ok(), "{}: {}", family, tokenizer.error().message);
  return std::move(tokenizer).value();
}

inline std::shared_ptr<const CompiledGrammar> must(const GrammarCompiler::Compiled& compiled) {
  CHECK(compiled.ok(), "{}", compiled.error().message);
  return *compiled;
}

enum class Verdict { kRejected, kPrefix, kWhole };

// Checks the text byte by byte, independent of tokens.
inline Verdict judge(const std::shared_ptr<const CompiledGrammar>& grammar, std::string_view text) {
  GrammarMatcher matcher(grammar, false);
  for (size_t i = 0; i < text.size(); ++i) {
    if (!matcher.accept_bytes(text.substr(i, 1)).ok()) return Verdict::kRejected;
  }
  return matcher.is_complete() ? Verdict::kWhole : Verdict::kPrefix;
}
inline bool accepts(const std::shared_ptr<const CompiledGrammar>& grammar, std::string_view text) {
  return judge(grammar, text) == Verdict::kWhole;
}

// The grammar compiled from `source` accepts the texts of `yes` and none of `no`.
inline void expect_texts(const Result<std::shared_ptr<const CompiledGrammar>>& grammar, const std::string& source,
                         const std::vector<std::string>& yes, const std::vector<std::string>& no) {
  ASSERT_TRUE(grammar.ok()) << source << ": " << grammar.error().message;
  for (const std::string& text : yes) EXPECT_TRUE(accepts(*grammar, text)) << source << " on \"" << text << '"';
  for (const std::string& text : no) EXPECT_FALSE(accepts(*grammar, text)) << source << " on \"" << text << '"';
}

// Samples an output through the masks. Allowed tokens are equally likely, except as `options` say. Empty if
// `max_tokens` tokens do not complete it. Any matcher error is a test failure.
struct DrawOptions {
  int max_tokens = 400;
  double likes_to_end = 0.3;     // the probability of ending where that is allowed
  double likes_punctuation = 0;  // the probability of taking a token that begins with a closing or separating character
};
inline std::optional<std::string> draw(const std::shared_ptr<const CompiledGrammar>& grammar,
                                       const Tokenizer& tokenizer, TokenId end_token, std::mt19937& random,
                                       const DrawOptions& options = {}) {
  GrammarMatcher matcher(grammar, false);
  const TokenId ends[] = {end_token};
  std::vector<uint32_t> mask(matcher.mask_words());
  std::string text;
  std::bernoulli_distribution ends_now(options.likes_to_end);
  std::bernoulli_distribution closes_now(options.likes_punctuation);
  for (int i = 0; i < options.max_tokens; ++i) {
    if (matcher.is_complete() && (!matcher.can_continue() || ends_now(random))) return text;
    const auto filled = matcher.fill_mask(mask, ends);
    EXPECT_TRUE(filled.ok()) << filled.error().message << " after " << text;
    if (!filled.ok()) return std::nullopt;
    EXPECT_EQ(has_bit(mask, end_token), matcher.is_complete()) << text;
    std::vector<TokenId> allowed;
    std::vector<TokenId> closing;
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
      if (id == end_token || !has_bit(mask, id)) continue;
      allowed.push_back(id);
      const std::string bytes = tokenizer.token_bytes(id);
      if (std::string_view("\"}],: \n").find(bytes[0]) != std::string_view::npos) closing.push_back(id);
    }
    EXPECT_EQ(allowed.empty(), !matcher.can_continue()) << text;
    if (allowed.empty()) return matcher.is_complete() ? std::optional(text) : std::nullopt;
    const auto& from = !closing.empty() && closes_now(random) ? closing : allowed;
    const TokenId token = from[random() % from.size()];
    const auto accepted = matcher.accept(token);
    EXPECT_TRUE(accepted.ok()) << accepted.error().message << " after " << text;
    if (!accepted.ok()) return std::nullopt;
    text += tokenizer.token_bytes(token);
  }
  return std::nullopt;
}

// Compares a mask with its definition: a token is allowed if and only if its bytes are.
inline void expect_exact_mask(const GrammarMatcher& matcher, const Tokenizer& tokenizer, const std::string& where) {
  std::vector<uint32_t> mask(matcher.mask_words());
  const auto filled = matcher.fill_mask(mask, {});
  if (!filled.ok()) {
    EXPECT_FALSE(matcher.can_continue()) << where << ": " << filled.error().message;
    return;
  }
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    GrammarMatcher copy = matcher;
    const std::string bytes = tokenizer.token_bytes(id);
    const bool allowed = !bytes.empty() && !tokenizer.is_special(id) && copy.accept_bytes(bytes).ok();
    ASSERT_EQ(has_bit(mask, id), allowed) << where << ", token " << id << " \"" << bytes << "\"";
  }
}

}  // namespace braid::grammar::testing
