#include "braid/server/sglang/generate_answer.h"

#include <fmt/format.h>

#include <deque>
#include <string_view>
#include <utility>

#include "braid/server/openai/write/logprobs.h"

namespace braid::sglang {

namespace {

// {"type": "stop", "matched": …}, {"type": "length", "length": …} or {"type": "abort", "message": …}; null: not
// finished.
Json finish_reason(const Delta& last) {
  switch (last.finish) {
    case FinishReason::kStop: {
      Json reason = {{"type", "stop"}, {"matched", nullptr}};
      if (const auto* token = std::get_if<TokenId>(&last.matched_stop)) reason["matched"] = *token;
      if (const auto* text = std::get_if<std::string>(&last.matched_stop)) reason["matched"] = *text;
      return reason;
    }
    case FinishReason::kLength:
      return {{"type", "length"}, {"length", last.usage.output_tokens}};
    case FinishReason::kAbort:
      return {{"type", "abort"}, {"message", "aborted"}};
    default:
      return nullptr;
  }
}

constexpr size_t kLongEvent = size_t{64} << 10;  // bytes
constexpr size_t kLeastNews = 16;                // a long event must grow by 1/16 before the next one is sent

// A growing JSON list, kept as text: every event repeats the whole list, and copying text is the cheapest way.
class ListText {
 public:
  void add(std::string_view json) {
    if (!items_.empty()) items_ += ',';
    items_ += json;
  }
  std::string json() const { return '[' + items_ + ']'; }
  size_t num_bytes() const { return items_.size(); }

 private:
  std::string items_;
};

// Log-probabilities of tokens as [logprob, id, text], and a list of alternatives for each.
class Logprobs {
 public:
  void add(const SampledToken& sampled, const Tokenizer& tokenizer) {
    tokens_.add(entry(sampled.logprob, sampled.token, tokenizer));
    ListText others;
    for (const TokenLogprob& other : sampled.top_logprobs) others.add(entry(other.logprob, other.token, tokenizer));
    alternatives_.add(others.json());
  }
  // A prompt's first token: it has an entry, but no log-probability.
  void add_first(TokenId token, const Tokenizer& tokenizer) {
    tokens_.add(entry(nullptr, token, tokenizer));
    alternatives_.add("null");
  }

  std::string tokens() const { return tokens_.json(); }
  std::string alternatives() const { return alternatives_.json(); }
  size_t num_bytes() const { return tokens_.num_bytes() + alternatives_.num_bytes(); }

 private:
  static std::string entry(Json logprob, TokenId token, const Tokenizer& tokenizer) {
    return openai::to_text(Json::array({std::move(logprob), token, openai::valid_utf8(tokenizer.token_bytes(token))}));
  }

  ListText tokens_;
  ListText alternatives_;
};

// Everything known about one choice.
class ChoiceAnswer {
 public:
  ChoiceAnswer(const GeneratePrompt& prompt, const Tokenizer& tokenizer) : prompt_(prompt), tokenizer_(tokenizer) {}

  void add(const Delta& delta) {
    const std::string quoted = openai::to_text(delta.text);
    text_ += std::string_view(quoted).substr(1, quoted.size() - 2);
    for (const SampledToken& sampled : delta.tokens) {
      output_ids_.add(std::to_string(sampled.token));
      if (prompt_.logprobs) logprobs_.add(sampled, tokenizer_);
    }
    num_tokens_ += delta.tokens.size();
    last_ = delta;
    last_.tokens.clear();
    last_.prompt_logprobs.clear();
  }

  size_t num_bytes() const { return text_.size() + output_ids_.num_bytes() + logprobs_.num_bytes(); }

  // `input`: the prompt's, shared by its choices.
  std::string json(const Logprobs& input) const {
    std::string meta = openai::to_text({{"id", prompt_.id},
                                        {"finish_reason", finish_reason(last_)},
                                        {"prompt_tokens", prompt_.ids.size()},
                                        {"completion_tokens", num_tokens_},
                                        {"cached_tokens", last_.usage.cached_tokens}});
    meta.pop_back();
    if (prompt_.logprobs) {
      meta += ",\"input_token_logprobs\":" + input.tokens();
      meta += ",\"output_token_logprobs\":" + logprobs_.tokens();
      if (prompt_.top_logprobs > 0) {
        meta += ",\"input_top_logprobs\":" + input.alternatives();
        meta += ",\"output_top_logprobs\":" + logprobs_.alternatives();
      }
    }
    return fmt::format(R"({{"text":"{}","output_ids":{},"meta_info":{}}}}})", text_, output_ids_.json(), meta);
  }

 private:
  const GeneratePrompt& prompt_;
  const Tokenizer& tokenizer_;
  std::string text_;  // escaped as in JSON
  ListText output_ids_;
  size_t num_tokens_ = 0;
  Logprobs logprobs_;
  Delta last_;
};

class GenerateAnswer : public openai::AnswerWriter {
 public:
  GenerateAnswer(std::vector<GeneratePrompt> prompts, bool is_list, bool is_stream, const Tokenizer& tokenizer)
      : prompts_(std::move(prompts)), is_list_(is_list), is_stream_(is_stream), tokenizer_(tokenizer) {
    for (const GeneratePrompt& prompt : prompts_) {
      PromptAnswer answer{.first_index = num_choices_};
      for (int32_t i = 0; i < prompt.n; ++i) answer.choices.emplace_back(prompt, tokenizer);
      answer.said.resize(answer.choices.size());
      if (prompt.logprobs && prompt.logprob_start_len == 0 && !prompt.ids.empty()) {
        answer.input.add_first(prompt.ids.front(), tokenizer);
      }
      num_choices_ += prompt.n;
      answers_.push_back(std::move(answer));
    }
  }

  std::string push(size_t prompt, const Delta& delta) override {
    PromptAnswer& answer = answers_[prompt];
    ChoiceAnswer& choice = answer.choices[static_cast<size_t>(delta.index)];
    for (const ScoredToken& scored : delta.prompt_logprobs) answer.input.add(scored, tokenizer_);
    choice.add(delta);
    const bool has_news = !delta.text.empty() || !delta.tokens.empty();
    if (!is_stream_ || (!has_news && delta.finish == FinishReason::kNone)) return {};
    const auto index = static_cast<size_t>(delta.index);
    Said& said = answer.said[index];
    if (said.is_due || (delta.finish == FinishReason::kNone && !is_worth_saying(answer, index))) return {};
    said.is_due = true;
    due_.emplace_back(prompt, index);
    return {};
  }

  bool has_more() const override { return !due_.empty(); }

  std::string more() override {
    const auto [prompt, index] = due_.front();
    due_.pop_front();
    PromptAnswer& answer = answers_[prompt];
    answer.said[index] = {.num_bytes = num_bytes(answer, index)};
    std::string event = answer.choices[index].json(answer.input);
    if (is_list_) {
      event.pop_back();
      event += fmt::format(",\"index\":{}}}", answer.first_index + static_cast<int64_t>(index));
    }
    return openai::text_to_event(event);
  }

  std::string finish() override {
    if (is_stream_) return openai::done_event();
    ListText all;
    for (const PromptAnswer& answer : answers_) {
      for (const ChoiceAnswer& choice : answer.choices) {
        if (!is_list_) return choice.json(answer.input);
        all.add(choice.json(answer.input));
      }
    }
    return all.json();
  }

 private:
  struct Said {
    size_t num_bytes = 0;  // size of the last event
    bool is_due = false;   // an event waits to be sent
  };
  struct PromptAnswer {
    int64_t first_index = 0;  // index of its first choice among all
    std::vector<ChoiceAnswer> choices = {};
    std::vector<Said> said = {};  // of each choice
    Logprobs input = {};
  };

  // False for a long event with little news: a later event repeats it. Otherwise a stream's bytes would grow with the
  // square of its length.
  static bool is_worth_saying(const PromptAnswer& answer, size_t choice) {
    const size_t size = num_bytes(answer, choice);
    return size <= kLongEvent || size - answer.said[choice].num_bytes >= size / kLeastNews;
  }
  static size_t num_bytes(const PromptAnswer& answer, size_t choice) {
    return answer.choices[choice].num_bytes() + answer.input.num_bytes();
  }

  const std::vector<GeneratePrompt> prompts_;
  const bool is_list_;
  const bool is_stream_;
  const Tokenizer& tokenizer_;
  int64_t num_choices_ = 0;
  std::vector<PromptAnswer> answers_;
  std::deque<std::pair<size_t, size_t>> due_;  // (prompt, choice) whose event waits
};

}  // namespace

std::unique_ptr<openai::AnswerWriter> make_generate_answer(std::vector<GeneratePrompt> prompts, bool is_list,
                                                           const Tokenizer& tokenizer) {
  return std::make_unique<GenerateAnswer>(std::move(prompts), is_list, false, tokenizer);
}

std::unique_ptr<openai::AnswerWriter> make_generate_stream(std::vector<GeneratePrompt> prompts, bool is_list,
                                                           const Tokenizer& tokenizer) {
  return std::make_unique<GenerateAnswer>(std::move(prompts), is_list, true, tokenizer);
}

}  // namespace braid::sglang
