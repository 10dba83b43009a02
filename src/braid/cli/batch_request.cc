// Running one line.
#include "braid/cli/batch_request.h"

#include <ctime>
#include <functional>

#include "braid/control/choice_text.h"
#include "braid/server/openai/answer_form.h"
#include "braid/server/openai/chat_parser.h"

namespace braid {

namespace {

using openai::ApiError;

ApiError bad_request(std::string message) {
  return {.message = std::move(message)};
}

// What a server does and a batch does not.
std::optional<ApiError> refuse_unsupported(const openai::CommonParameters& common) {
  if (common.stream) return ApiError{.message = "stream is true: a batch has no streams", .param = "stream"};
  if (common.timeout_s) return ApiError{.message = "timeout: a batch has no time limits", .param = "timeout"};
  return std::nullopt;
}

}  // namespace

BatchRequest::BatchRequest(BatchLine line, BatchBackend& backend, std::string model_name, OnDone on_done)
    : line_(std::move(line)), backend_(backend), model_name_(std::move(model_name)), on_done_(std::move(on_done)) {}

void BatchRequest::start() {
  std::vector<Submission> submissions;
  if (const auto error = prepare(submissions)) return answer_error(*error);
  for (Submission& submission : submissions) {
    const auto count = static_cast<size_t>(submission.request.n);
    const size_t prompt = submission.prompt;
    auto self = shared_from_this();
    const auto started = backend_.submit(std::move(submission.request),
                                         [self, prompt](const Delta& delta) { self->on_delta(prompt, delta); });
    if (started.ok()) continue;
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = bad_request(started.error().message);
    }
    finish_choices(count);
  }
}

std::optional<ApiError> BatchRequest::prepare(std::vector<Submission>& submissions) {
  const auto error = line_.url == BatchUrl::kCompletions ? prepare_completion(submissions) : prepare_chat(submissions);
  line_.body = nullptr;  // a batch's memory is its requests in flight
  return error;
}

std::optional<ApiError> BatchRequest::prepare_completion(std::vector<Submission>& submissions) {
  constexpr int32_t kMaxTokens = 16;  // OpenAI's default
  const openai::ProtocolLimits limits{.vocab_size = backend_.tokenizer().vocab_size()};
  auto parsed = openai::completion_request_of(line_.body, limits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  request_ = std::get<openai::CompletionRequest>(std::move(parsed));
  auto& request = std::get<openai::CompletionRequest>(request_);
  if (const auto error = refuse_unsupported(request.common)) return *error;
  if (const auto error = keep_form(openai::answer_form(request.common, backend_.grammars()))) return *error;
  for (openai::Prompt& prompt : request.prompts) add_prompt(std::move(prompt), true, kMaxTokens, submissions);
  request.prompts.clear();
  return std::nullopt;
}

std::optional<ApiError> BatchRequest::prepare_chat(std::vector<Submission>& submissions) {
  const openai::ProtocolLimits limits{.vocab_size = backend_.tokenizer().vocab_size()};
  auto parsed = openai::chat_request_of(line_.body, limits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  request_ = std::get<openai::ChatRequest>(std::move(parsed));
  const auto& request = std::get<openai::ChatRequest>(request_);
  if (const auto error = refuse_unsupported(request.common)) return *error;
  auto text = backend_.chat_prompt(request);
  if (!text.ok()) return ApiError{.message = text.error().message, .param = "messages"};
  auto options =
      openai::parser_options(request, backend_.chat_formats(), *text, std::hash<std::string>()(line_.custom_id));
  if (const auto error = keep_form(openai::chat_form(request, backend_.tokenizer(), backend_.grammars(), options))) {
    return *error;
  }
  make_parser_ = openai::make_parsers(options);
  add_prompt(*std::move(text), false, std::nullopt, submissions);
  if (openai::looks_for_special_tokens(options)) submissions.back().request.skip_special_tokens = false;
  return std::nullopt;
}

std::optional<ApiError> BatchRequest::keep_form(openai::AnswerForm form) {
  if (const auto* error = std::get_if<ApiError>(&form)) return *error;
  form_ = std::get<std::optional<GrammarConstraint>>(std::move(form));
  return std::nullopt;
}

void BatchRequest::add_prompt(openai::Prompt prompt, bool add_special_tokens, std::optional<int32_t> max_tokens_default,
                              std::vector<Submission>& submissions) {
  const Tokenizer& tokenizer = backend_.tokenizer();
  const auto* completion = std::get_if<openai::CompletionRequest>(&request_);
  const bool echoes = completion != nullptr && completion->echo;
  openai::PromptResult result;
  if (auto* text = std::get_if<std::string>(&prompt)) {
    result.prompt_ids = tokenizer.encode(*text, add_special_tokens);
    if (echoes) result.prompt_text = std::move(*text);
  } else {
    result.prompt_ids = std::get<std::vector<TokenId>>(std::move(prompt));
    if (echoes) result.prompt_text = tokenizer.decode(result.prompt_ids, true);
  }
  const auto& common = std::visit([](const auto& r) -> const openai::CommonParameters& { return r.common; }, request_);
  result.choices.resize(static_cast<size_t>(common.n));
  GenerationRequest request = openai::to_generation_request(common, result.prompt_ids, false, max_tokens_default,
                                                            backend_.generation_defaults());
  if (completion != nullptr && completion->scores_prompt()) request.sampling.prompt_logprobs_start = 0;
  request.grammar = form_;
  if (const auto* chat = std::get_if<openai::ChatRequest>(&request_)) {
    request.continues_text = chat->continue_final_message;
  }
  result.continues_text = text_stream_options(request, tokenizer).continues_text;
  submissions.push_back({std::move(request), results_.size()});
  num_open_ += result.choices.size();
  results_.push_back(std::move(result));
}

void BatchRequest::on_delta(size_t prompt, const Delta& delta) {
  {
    const std::lock_guard lock(mutex_);
    results_[prompt].choices.at(static_cast<size_t>(delta.index)).add(delta);
  }
  if (delta.finish != FinishReason::kNone) finish_choices(1);
}

void BatchRequest::finish_choices(size_t count) {
  {
    const std::lock_guard lock(mutex_);
    num_open_ -= count;
    if (num_open_ > 0) return;
  }
  answer();
}

void BatchRequest::answer() {
  if (failure_) return answer_error(*failure_);
  if (const auto error = openai::find_error(results_)) return answer_error(*error);
  const bool is_chat = line_.url == BatchUrl::kChatCompletions;
  const openai::ResponseHead head{.id = (is_chat ? "chatcmpl-" : "cmpl-") + line_.custom_id,
                                  .created_s = static_cast<int64_t>(std::time(nullptr)),
                                  .model = model_name_};
  BatchAnswer result{.custom_id = line_.custom_id};
  result.body = is_chat ? openai::chat_response(head, std::get<openai::ChatRequest>(request_), results_.front(),
                                                backend_.tokenizer(), make_parser_)
                        : openai::completion_response(head, std::get<openai::CompletionRequest>(request_), results_,
                                                      backend_.tokenizer());
  on_done_(std::move(result));
}

void BatchRequest::answer_error(const ApiError& error) {
  on_done_({.custom_id = line_.custom_id, .status = error.status, .body = openai::to_json(error)});
}

}  // namespace braid
