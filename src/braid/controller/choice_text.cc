#include "braid/controller/choice_text.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "braid/base/check.h"

namespace braid {

TextStreamOptions text_stream_options(const GenerationRequest& request, const Tokenizer& tokenizer) {
  const auto is_shown = [&](TokenId id) { return !request.skip_special_tokens || !tokenizer.is_special(id); };
  const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
  return {.skip_special_tokens = request.skip_special_tokens,
          .continues_text = request.continues_text && std::ranges::any_of(prompt, is_shown)};
}

ChoiceText::ChoiceText(const Tokenizer& tokenizer, Options options)
    : decoder_(tokenizer, options.stream), options_(std::move(options)) {}

std::string ChoiceText::push(TokenId token) {
  CHECK(!matched_stop_, "a token after the stop string \"{}\"", *matched_stop_);
  ++num_tokens_;
  return take_certain(decoder_.push(token));
}

std::string ChoiceText::finish(std::optional<TokenId> stop_token) {
  CHECK(!matched_stop_, "finish() after the stop string \"{}\"", *matched_stop_);
  std::string rest;
  if (stop_token && options_.include_stop_in_text) rest = decoder_.push(*stop_token);
  rest += decoder_.finish();
  std::string text = take_certain(std::move(rest));
  if (!matched_stop_) text += std::exchange(held_, {});
  return text;
}

std::string ChoiceText::take_certain(std::string fresh) {
  held_ += fresh;
  if (options_.stop_strings.empty() || num_tokens_ < options_.min_new_tokens) return std::exchange(held_, {});

  // The stop string that ends first wins, as if the text were read one character at a time. Of several that end at the
  // same place, the longest wins.
  size_t best_end = std::string::npos;
  const std::string* best = nullptr;
  for (const std::string& stop : options_.stop_strings) {
    const size_t begin = held_.find(stop);
    if (begin == std::string::npos) continue;
    const size_t end = begin + stop.size();
    if (end < best_end || (end == best_end && stop.size() > best->size())) {
      best_end = end;
      best = &stop;
    }
  }
  if (best != nullptr) {
    matched_stop_ = *best;
    held_.resize(options_.include_stop_in_text ? best_end : best_end - best->size());
    return std::exchange(held_, {});
  }

  const size_t keep = held_length();
  std::string certain = held_.substr(0, held_.size() - keep);
  held_.erase(0, certain.size());
  return certain;
}

// The length of the longest suffix of held_ that is a prefix of a stop string.
size_t ChoiceText::held_length() const {
  const std::string_view text = held_;
  size_t longest = 0;
  for (const std::string& stop : options_.stop_strings) {
    for (size_t length = std::min(stop.size() - 1, text.size()); length > longest; --length) {
      if (text.substr(text.size() - length) == std::string_view(stop).substr(0, length)) {
        longest = length;
        break;
      }
    }
  }
  return longest;
}

}  // namespace braid
