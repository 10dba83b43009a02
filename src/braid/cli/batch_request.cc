// Runs one line.
#include "braid/cli/batch_request.h"

#include <ctime>
#include <functional>
#include <utility>

#include "braid/server/openai/prepare/prepare_request.h"

namespace braid {

namespace {

using openai::ApiError;

// Refuses parameters that a server supports and a batch does not.
Result<void, ApiError> refuse_unsupported(const openai::CommonParameters& common) {
  if (common.stream) return ApiError{.message = "stream is true: a batch has no streams", .param = "stream"};
  if (common.timeout_s) return ApiError{.message = "timeout: a batch has no time limits", .param = "timeout"};
  return {};
}

}  // namespace

BatchRequest::BatchRequest(BatchLine line, BatchBackend& backend, std::string model_name, OnDone on_done)
    : line_(std::move(line)), backend_(backend), model_name_(std::move(model_name)), on_done_(std::move(on_done)) {}

void BatchRequest::start() {
  auto prepared = prepare();
  line_.body = nullptr;  // frees its memory: many requests are in flight
  if (!prepared.ok()) return answer_error(prepared.error());
  writer_ = std::move(prepared->writer);
  for (const openai::PreparedPrompt& prompt : prepared->prompts) num_open_ += static_cast<size_t>(prompt.generation.n);
  for (size_t prompt = 0; prompt < prepared->prompts.size(); ++prompt) {
    GenerationRequest& generation = prepared->prompts[prompt].generation;
    const auto count = static_cast<size_t>(generation.n);
    auto self = shared_from_this();
    const auto started =
        backend_.submit(std::move(generation), [self, prompt](const Delta& delta) { self->on_delta(prompt, delta); });
    if (started.ok()) continue;
    {
      const std::lock_guard lock(mutex_);
      const SubmitError& error = started.error();
      if (!failure_) failure_ = ApiError{.message = error.message, .param = error.parameter};
    }
    finish_choices(count);
  }
}

Result<openai::PreparedRequest, ApiError> BatchRequest::prepare() {
  const openai::RequestModel& model = backend_.model();
  const openai::ProtocolLimits limits{.vocab_size = model.tokenizer.vocab_size()};
  const bool is_chat = line_.url == BatchUrl::kChatCompletions;
  openai::ResponseHead head{.id = (is_chat ? "chatcmpl-" : "cmpl-") + line_.custom_id,
                            .created_s = static_cast<int64_t>(std::time(nullptr)),
                            .model = model_name_};
  if (is_chat) {
    TRY(auto request, openai::chat_request_of(line_.body, limits));
    TRY_STATUS(refuse_unsupported(request.common));
    FetchedImages fetched;
    return openai::prepare_chat(std::move(request), model, std::move(head), std::hash<std::string>()(line_.custom_id),
                                fetched);
  }
  TRY(auto request, openai::completion_request_of(line_.body, limits));
  TRY_STATUS(refuse_unsupported(request.common));
  return openai::prepare_completion(std::move(request), model, std::move(head));
}

void BatchRequest::on_delta(size_t prompt, const Delta& delta) {
  {
    const std::lock_guard lock(mutex_);
    if (delta.finish != FinishReason::kError) {
      writer_->push(prompt, delta);
    } else if (!failure_) {
      failure_ = openai::server_error(delta.error);
    }
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
  on_done_({.custom_id = line_.custom_id, .body = Json::parse(writer_->finish())});
}

void BatchRequest::answer_error(const ApiError& error) {
  on_done_({.custom_id = line_.custom_id, .status = error.status, .body = openai::to_json(error)});
}

}  // namespace braid
