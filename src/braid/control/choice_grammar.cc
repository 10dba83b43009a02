#include "braid/control/choice_grammar.h"

#include <algorithm>

namespace braid {

ChoiceGrammar::ChoiceGrammar(const GrammarConstraint& constraint)
    : constraint_(constraint),
      matcher_(constraint.grammar, constraint.starts_after.empty() || constraint.may_open_with.has_value()) {
  if (constraint.starts_after.empty()) return;
  state_ = constraint.may_open_with ? State::kMayOpen : State::kThinking;
}

Status ChoiceGrammar::accept(TokenId token) {
  if (state_ == State::kMayOpen) {
    if (token == *constraint_.may_open_with) {
      state_ = State::kThinking;
      matcher_ = GrammarMatcher(constraint_.grammar, false);
      return {};
    }
    state_ = State::kObeying;
  }
  if (state_ == State::kObeying) return matcher_.accept(token);
  const std::vector<TokenId>& end = constraint_.starts_after;
  last_tokens_.push_back(token);
  if (last_tokens_.size() > end.size()) last_tokens_.erase(last_tokens_.begin());
  if (last_tokens_ == end) state_ = State::kObeying;
  return {};
}

Status ChoiceGrammar::fill_mask(std::vector<uint32_t>& mask) const {
  mask.resize(matcher_.mask_words());
  TRY_STATUS(matcher_.fill_mask(mask, constraint_.end_tokens));
  if (state_ == State::kMayOpen) {
    const auto opener = static_cast<size_t>(*constraint_.may_open_with);
    mask[opener / 32] |= uint32_t{1} << (opener % 32);
  }
  return {};
}

bool ChoiceGrammar::is_end(TokenId token) const {
  return state_ != State::kThinking && matcher_.is_complete() &&
         std::ranges::find(constraint_.end_tokens, token) != constraint_.end_tokens.end();
}

}  // namespace braid
