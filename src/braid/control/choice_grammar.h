// Where one choice stands in its grammar: thinking still, or obeying it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/control/grammar_constraint.h"
#include "braid/grammar/grammar_matcher.h"

namespace braid {

class ChoiceGrammar {
 public:
  explicit ChoiceGrammar(const GrammarConstraint& constraint);

  // The choice's next token, one that the mask allowed. An error if the grammar does not after all.
  Status accept(TokenId token);

  // Whether the next token is masked at all; and the mask, of as many words as it needs.
  bool is_masking() const { return state_ != State::kThinking; }
  Status fill_mask(std::vector<uint32_t>& mask) const;

  // The output is complete, and nothing can follow: no end token is needed.
  bool must_end() const { return state_ == State::kObeying && matcher_.is_complete() && !matcher_.can_continue(); }
  // This token ends the output: an end token, where one is allowed.
  bool is_end(TokenId token) const;

 private:
  enum class State : uint8_t { kMayOpen, kThinking, kObeying };

  GrammarConstraint constraint_;
  GrammarMatcher matcher_;
  State state_ = State::kObeying;
  std::vector<TokenId> last_tokens_;  // of the thinking, at most as many as its end has
};

}  // namespace braid
