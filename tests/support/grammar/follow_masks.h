// For fuzz targets: follows a compiled grammar through its masks, with tokens chosen by the input's bytes, and checks
// its invariants.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/check.h"
#include "braid/grammar/grammar_matcher.h"
#include "braid/grammar/mask/vocabulary.h"
#include "tests/support/grammar/byte_tokenizer.h"

namespace braid::grammar::testing {

// Returns the text if it became complete. Checks that every allowed token is accepted, and that some token is always
// allowed unless the matcher returns an error.
inline std::optional<std::string> follow_masks(const std::shared_ptr<const CompiledGrammar>& grammar,
                                               const ByteTokenizer& tokenizer, std::string_view choices) {
  GrammarMatcher matcher(grammar, false);
  std::vector<uint32_t> mask(matcher.mask_words());
  const TokenId ends[] = {tokenizer.end_token()};
  std::string text;
  uint32_t state = 12345;
  constexpr int kMaxSteps = 48;
  for (int step = 0; step < kMaxSteps && matcher.can_continue(); ++step) {
    if (!matcher.fill_mask(mask, ends).ok()) return std::nullopt;  // the grammar is too ambiguous
    CHECK(has_bit(mask, tokenizer.end_token()) == matcher.is_complete());
    std::vector<TokenId> allowed;
    for (TokenId id = 0; id < tokenizer.end_token(); ++id) {
      if (has_bit(mask, id)) allowed.push_back(id);
    }
    CHECK(!allowed.empty(), "nothing may follow \"{}\"", text);
    state = state * 1664525U + 1013904223U;
    const uint32_t choice =
        choices.empty() ? state >> 8 : (state >> 8) + static_cast<uint8_t>(choices[step % choices.size()]);
    const TokenId token = allowed[choice % allowed.size()];
    CHECK(matcher.accept(token).ok(), "token {} was allowed after \"{}\"", token, text);
    text += tokenizer.token_bytes(token);
  }
  return matcher.is_complete() ? std::optional(text) : std::nullopt;
}

}  // namespace braid::grammar::testing
