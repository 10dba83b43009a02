// Runs one line.
#include "braid/cli/batch_request.h"

#include <ctime>
#include <functional>

namespace braid {

namespace {

using openai::ApiError;

// Parameters that a server supports and a batch does not.
std::optional<ApiError> refuse_unsupported(const openai::CommonParameters& common) {
  if (common.stream) return ApiError{.message = "stream is true: a batch has no streams", .param = "stream"};
  if (common.timeout_s) return ApiError{.message = "timeout: a batch has no time limits", .param = "timeout"};
  return std::nullopt;
}

}  // namespace

BatchRequest::BatchRequest(BatchLine line, BatchBackend& backend, std::string model_name, OnDone on_done)
    : line_(std::move(line)), backend_(backend), model_name_(std::move(model_name)), on_done_(std::move(on_done)) {}

void BatchRequest::start() {
  auto result = prepare();
  line_.body = nullptr;  // the requests in flight are most of a batch's memory
  if (const auto* error = std::get_if<ApiError>(&result)) return answer_error(*error);
  auto& prepared = std::get<openai::PreparedRequest>(result);
  make_parser_ = std::move(prepared.make_parser);
  results_ = std::move(prepared.prompts);
  for (const openai::PromptResult& prompt : results_) num_open_ += prompt.choices.size();
  for (size_t prompt = 0; prompt < prepared.generations.size(); ++prompt) {
    GenerationRequest& generation = prepared.generations[prompt];
    const auto count = static_cast<size_t>(generation.n);
    auto self = shared_from_this();
    const auto started =
        backend_.submit(std::move(generation), [self, prompt](const Delta& delta) { self->on_delta(prompt, delta); });
    if (started.ok()) continue;
    {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = ApiError{.message = started.error().message};
    }
    finish_choices(count);
  }
}

openai::ApiResult<openai::PreparedRequest> BatchRequest::prepare() {
  const openai::RequestModel& model = backend_.model();
  const openai::ProtocolLimits limits{.vocab_size = model.tokenizer.vocab_size()};
  if (line_.url == BatchUrl::kCompletions) {
    auto parsed = openai::completion_request_of(line_.body, limits);
    if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
    auto& request = request_.emplace<openai::CompletionRequest>(std::get<openai::CompletionRequest>(std::move(parsed)));
    if (const auto error = refuse_unsupported(request.common)) return *error;
    return openai::prepare_completion(request, model);
  }
  auto parsed = openai::chat_request_of(line_.body, limits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  auto& request = request_.emplace<openai::ChatRequest>(std::get<openai::ChatRequest>(std::move(parsed)));
  if (const auto error = refuse_unsupported(request.common)) return *error;
  return openai::prepare_chat(request, model, std::hash<std::string>()(line_.custom_id));
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
                                                backend_.model().tokenizer, make_parser_)
                        : openai::completion_response(head, std::get<openai::CompletionRequest>(request_), results_,
                                                      backend_.model().tokenizer);
  on_done_(std::move(result));
}

void BatchRequest::answer_error(const ApiError& error) {
  on_done_({.custom_id = line_.custom_id, .status = error.status, .body = openai::to_json(error)});
}

}  // namespace braid
