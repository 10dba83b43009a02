// The state of one choice in its grammar: thinking, free, or inside the grammar. Tested by mask_worker_test.cc and
// api/engine_grammar_test.cc.
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
  // Both outlive it. The choices of a request share its constraint, which may hold the grammars of a thousand tools.
  ChoiceGrammar(const GrammarConstraint& constraint, const Tokenizer& tokenizer);

  // Takes the choice's next token, which the mask allowed. An error if the grammar rejects it all the same: free text
  // may reach a trigger in the middle of a token, and no mask has checked the rest of that token.
  Status accept(TokenId token);

  // Whether the next token is masked, and the mask in as many words as it needs.
  bool is_masking() const { return matcher_.has_value() && state_ != State::kThinking; }
  Status fill_mask(std::vector<uint32_t>& mask) const;

  // Whether the output is complete and nothing can follow, so that no end token is needed.
  bool must_end() const { return state_ == State::kObeying && matcher_->is_complete() && !matcher_->can_continue(); }
  // Whether this token ends the output: it is an end token, and one is allowed here.
  bool is_end(TokenId token) const;

 private:
  enum class State : uint8_t {
    kMayOpen,    // thinking may begin; otherwise the output does
    kThinking,   // free until constraint_.starts_after
    kFree,       // until a trigger
    kTriggered,  // until the trigger's grammar is complete
    kObeying,    // inside constraint_.grammar, to the end
  };

  void begin_output();
  Status read(std::string_view bytes);
  Status begin_triggered(const TriggeredGrammar& triggered, std::string_view rest);
  Status obey_triggered();
  const TriggeredGrammar* find_trigger() const;

  const GrammarConstraint& constraint_;
  const Tokenizer& tokenizer_;
  State state_ = State::kObeying;
  std::optional<GrammarMatcher> matcher_;  // of the current grammar, or of the one that applies after thinking
  // The end of the free text, as long as the end of thinking or a trigger could be.
  std::string text_;
  size_t max_text_bytes_ = 0;
  bool has_whole_output_ = true;  // text_ is the whole output after thinking
};

}  // namespace braid
