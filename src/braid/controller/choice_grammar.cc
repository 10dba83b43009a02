#include "braid/controller/choice_grammar.h"

#include <algorithm>

namespace braid {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string_view without_leading_space(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kSpace), text.size()));
}

}  // namespace

ChoiceGrammar::ChoiceGrammar(const GrammarConstraint& constraint, const Tokenizer& tokenizer)
    : constraint_(constraint), tokenizer_(tokenizer), max_text_bytes_(constraint.starts_after.size()) {
  for (const TriggeredGrammar& triggered : constraint_.triggered) {
    max_text_bytes_ = std::max(max_text_bytes_, triggered.trigger.size());
  }
  const bool may_think = !constraint_.starts_after.empty();
  if (constraint_.grammar != nullptr) {
    matcher_.emplace(constraint_.grammar, !may_think || constraint_.may_open_with.has_value());
  }
  begin_output();
  if (may_think) state_ = constraint_.may_open_with ? State::kMayOpen : State::kThinking;
}

void ChoiceGrammar::begin_output() {
  state_ = constraint_.grammar != nullptr ? State::kObeying : State::kFree;
  text_.clear();
  has_whole_output_ = true;
}

Status ChoiceGrammar::accept(TokenId token) {
  if (state_ == State::kMayOpen) {
    if (token == *constraint_.may_open_with) {
      state_ = State::kThinking;
      if (matcher_) matcher_.emplace(constraint_.grammar, false);
      return {};
    }
    begin_output();
  }
  if (state_ == State::kObeying) return matcher_->accept(token);
  if (state_ == State::kTriggered) {
    TRY_STATUS(matcher_->accept(token));
    return obey_triggered();
  }
  return read(tokenizer_.token_bytes(token));
}

// Reads free text, which may end within these bytes.
Status ChoiceGrammar::read(std::string_view bytes) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (text_.size() >= 2 * max_text_bytes_ + 64) {
      text_.erase(0, text_.size() - max_text_bytes_);
      has_whole_output_ = false;
    }
    text_ += bytes[i];
    const std::string_view rest = bytes.substr(i + 1);
    if (state_ == State::kThinking) {
      if (!text_.ends_with(constraint_.starts_after)) continue;
      begin_output();
      if (state_ == State::kObeying) return matcher_->accept_bytes(without_leading_space(rest));
    } else if (const TriggeredGrammar* triggered = find_trigger()) {
      return begin_triggered(*triggered, rest);
    }
  }
  return {};
}

const TriggeredGrammar* ChoiceGrammar::find_trigger() const {
  for (const TriggeredGrammar& triggered : constraint_.triggered) {
    if (!text_.ends_with(triggered.trigger)) continue;
    if (!triggered.only_at_start) return &triggered;
    if (has_whole_output_ && without_leading_space(text_) == triggered.trigger) return &triggered;
  }
  return nullptr;
}

Status ChoiceGrammar::begin_triggered(const TriggeredGrammar& triggered, std::string_view rest) {
  state_ = State::kTriggered;
  matcher_.emplace(triggered.grammar, false);
  TRY_STATUS(matcher_->accept_bytes(triggered.begin));
  TRY_STATUS(matcher_->accept_bytes(rest));
  return obey_triggered();
}

Status ChoiceGrammar::obey_triggered() {
  if (!matcher_->is_complete() || matcher_->can_continue()) return {};
  matcher_.reset();
  begin_output();
  has_whole_output_ = false;
  return {};
}

Status ChoiceGrammar::fill_mask(std::vector<uint32_t>& mask) const {
  mask.resize(matcher_->mask_words());
  TRY_STATUS(matcher_->fill_mask(mask, constraint_.end_tokens));
  if (state_ == State::kMayOpen) {
    const auto opener = static_cast<size_t>(*constraint_.may_open_with);
    mask[opener / 32] |= uint32_t{1} << (opener % 32);
  }
  return {};
}

bool ChoiceGrammar::is_end(TokenId token) const {
  return is_masking() && matcher_->is_complete() &&
         std::ranges::find(constraint_.end_tokens, token) != constraint_.end_tokens.end();
}

}  // namespace braid
