// Where one choice stands in its grammar: thinking still, free, or obeying it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/grammar_matcher.h"
#include "braid/request/grammar_constraint.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

class ChoiceGrammar {
 public:
  // Both must outlive it: the choices of a request share its constraint, which may hold a thousand tools' grammars.
  ChoiceGrammar(const GrammarConstraint& constraint, const Tokenizer& tokenizer);

  // The choice's next token, one that the mask allowed. An error if the grammar does not after all: a free text may
  // come to a trigger within a token, whose rest no mask has seen.
  Status accept(TokenId token);

  // Whether the next token is masked at all; and the mask, of as many words as it needs.
  bool is_masking() const { return matcher_.has_value() && state_ != State::kThinking; }
  Status fill_mask(std::vector<uint32_t>& mask) const;

  // The output is complete, and nothing can follow: no end token is needed.
  bool must_end() const { return state_ == State::kObeying && matcher_->is_complete() && !matcher_->can_continue(); }
  // This token ends the output: an end token, where one is allowed.
  bool is_end(TokenId token) const;

 private:
  enum class State : uint8_t {
    kMayOpen,    // the thinking; else the output begins
    kThinking,   // free until constraint_.starts_after
    kFree,       // until a trigger
    kTriggered,  // until the trigger's grammar is complete
    kObeying,    // constraint_.grammar, to the end
  };

  void begin_output();
  Status read(std::string_view bytes);
  Status begin_triggered(const TriggeredGrammar& triggered, std::string_view rest);
  Status obey_triggered();
  const TriggeredGrammar* find_trigger() const;

  const GrammarConstraint& constraint_;
  const Tokenizer& tokenizer_;
  State state_ = State::kObeying;
  std::optional<GrammarMatcher> matcher_;  // of the grammar that holds, or will behind the thinking
  // Free text, as far as an end of thinking or a trigger may lie in it.
  std::string text_;
  size_t max_text_bytes_ = 0;
  bool has_whole_output_ = true;  // text_ is the whole output behind the thinking
};

}  // namespace braid
