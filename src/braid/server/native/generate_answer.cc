#include "braid/server/native/generate_answer.h"

#include <utility>

#include "braid/server/openai/logprobs.h"

namespace braid::native {

namespace {

// {"type": "stop", "matched": …}, {"type": "length", "length": …} or {"type": "abort", "message": …}; null: not yet.
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

// All that is known of one choice.
class ChoiceAnswer {
 public:
  ChoiceAnswer(const GeneratePrompt& prompt, const Tokenizer& tokenizer) : prompt_(prompt), tokenizer_(tokenizer) {}

  void add(const Delta& delta) {
    text_ += delta.text;
    for (const SampledToken& sampled : delta.tokens) {
      output_ids_.push_back(sampled.token);
      if (prompt_.logprobs) add_logprobs(sampled, output_logprobs_, output_top_logprobs_);
    }
    last_ = delta;
    last_.tokens.clear();
    last_.prompt_logprobs.clear();
  }

  // `input`: of the prompt, which its choices share.
  Json json(const Json& input_logprobs, const Json& input_top_logprobs) const {
    Json meta = {{"id", prompt_.id},
                 {"finish_reason", finish_reason(last_)},
                 {"prompt_tokens", prompt_.ids.size()},
                 {"completion_tokens", output_ids_.size()},
                 {"cached_tokens", last_.usage.cached_tokens}};
    if (prompt_.logprobs) {
      meta["input_token_logprobs"] = input_logprobs;
      meta["output_token_logprobs"] = output_logprobs_;
      if (prompt_.top_logprobs > 0) {
        meta["input_top_logprobs"] = input_top_logprobs;
        meta["output_top_logprobs"] = output_top_logprobs_;
      }
    }
    return {{"text", text_}, {"output_ids", output_ids_}, {"meta_info", std::move(meta)}};
  }

  // [logprob, id, text], and the same of its alternatives.
  void add_logprobs(const SampledToken& sampled, Json& logprobs, Json& top_logprobs) const {
    logprobs.push_back(entry(sampled.logprob, sampled.token));
    Json top = Json::array();
    for (const TokenLogprob& other : sampled.top_logprobs) top.push_back(entry(other.logprob, other.token));
    top_logprobs.push_back(std::move(top));
  }

  Json entry(Json logprob, TokenId token) const {
    return Json::array({std::move(logprob), token, openai::valid_utf8(tokenizer_.token_bytes(token))});
  }

 private:
  const GeneratePrompt& prompt_;
  const Tokenizer& tokenizer_;
  std::string text_;
  Json output_ids_ = Json::array();
  Json output_logprobs_ = Json::array();
  Json output_top_logprobs_ = Json::array();
  Delta last_;
};

class GenerateAnswer : public openai::AnswerWriter {
 public:
  GenerateAnswer(std::vector<GeneratePrompt> prompts, bool is_list, bool is_stream, const Tokenizer& tokenizer)
      : prompts_(std::move(prompts)), is_list_(is_list), is_stream_(is_stream) {
    for (const GeneratePrompt& prompt : prompts_) {
      PromptAnswer answer{.first_index = num_choices_};
      for (int32_t i = 0; i < prompt.n; ++i) {
        answer.choices.emplace_back(prompt, tokenizer);
      }
      // The first token has no log-probability, and its place.
      if (prompt.logprobs && prompt.logprob_start_len == 0 && !prompt.ids.empty()) {
        answer.input_logprobs.push_back(answer.choices.front().entry(nullptr, prompt.ids.front()));
        answer.input_top_logprobs.push_back(nullptr);
      }
      num_choices_ += prompt.n;
      answers_.push_back(std::move(answer));
    }
  }

  std::string push(size_t prompt, const Delta& delta) override {
    PromptAnswer& answer = answers_[prompt];
    ChoiceAnswer& choice = answer.choices[static_cast<size_t>(delta.index)];
    for (const ScoredToken& scored : delta.prompt_logprobs) {
      choice.add_logprobs(scored, answer.input_logprobs, answer.input_top_logprobs);
    }
    choice.add(delta);
    if (!is_stream_) return {};
    if (delta.text.empty() && delta.tokens.empty() && delta.finish == FinishReason::kNone) return {};
    Json event = choice.json(answer.input_logprobs, answer.input_top_logprobs);
    if (is_list_) event["index"] = answer.first_index + delta.index;
    return openai::to_event(event);
  }

  std::string finish() override {
    if (is_stream_) return openai::done_event();
    Json all = Json::array();
    for (const PromptAnswer& answer : answers_) {
      for (const ChoiceAnswer& choice : answer.choices) {
        all.push_back(choice.json(answer.input_logprobs, answer.input_top_logprobs));
      }
    }
    return openai::to_text(is_list_ ? all : all.front());
  }

 private:
  struct PromptAnswer {
    int64_t first_index = 0;  // of its choices among all
    std::vector<ChoiceAnswer> choices = {};
    Json input_logprobs = Json::array();
    Json input_top_logprobs = Json::array();
  };

  const std::vector<GeneratePrompt> prompts_;
  const bool is_list_;
  const bool is_stream_;
  int64_t num_choices_ = 0;
  std::vector<PromptAnswer> answers_;
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

}  // namespace braid::native
