#include "braid/server/service/prepare.h"

#include <fmt/core.h>

#include <charconv>
#include <ctime>
#include <functional>
#include <utility>

#include "braid/server/openai/prepare/prepare_request.h"
#include "braid/server/sglang/prepare_generate.h"

namespace braid {

namespace {

using openai::ApiError;
using openai::PreparedRequest;

openai::ResponseHead response_head(const ServedModel& model, const openai::CommonParameters& common,
                                   std::string_view prefix, const std::string& unique) {
  return {.id = common.rid.empty() ? std::string(prefix) + unique : common.rid,
          .created_s = static_cast<int64_t>(std::time(nullptr)),
          .model = model.name};
}

}  // namespace

PrepareResult prepare_completion(const ServedModel& model, std::string_view body, const std::string& unique,
                                 FetchedImages& /*fetched*/) {
  TRY(auto request, openai::parse_completion_request(body, model.limits));
  TRY_STATUS(check_model_name(model, request.common.model));
  openai::ResponseHead head = response_head(model, request.common, "cmpl-", unique);
  return openai::prepare_completion(std::move(request), model.requests, std::move(head));
}

PrepareResult prepare_chat(const ServedModel& model, std::string_view body, const std::string& unique,
                           FetchedImages& fetched) {
  TRY(auto request, openai::parse_chat_request(body, model.limits));
  TRY_STATUS(check_model_name(model, request.common.model));
  openai::ResponseHead head = response_head(model, request.common, "chatcmpl-", unique);
  return openai::prepare_chat(std::move(request), model.requests, std::move(head), std::hash<std::string>()(unique),
                              fetched);
}

PrepareResult prepare_generate(const ServedModel& model, std::string_view body, const std::string& unique,
                               FetchedImages& fetched) {
  TRY(auto request, sglang::parse_generate_request(body, model.limits));
  return sglang::prepare_generate(std::move(request), model.requests, unique, fetched);
}

Prepare prepare_of(std::string_view path) {
  if (path == "/v1/chat/completions") return prepare_chat;
  if (path == "/v1/completions") return prepare_completion;
  if (path == "/generate") return prepare_generate;
  return nullptr;
}

Result<void, ApiError> apply_dp_rank_header(std::string_view value, const ServedModel& model,
                                            PreparedRequest& request) {
  int32_t rank = -1;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), rank);
  if (error != std::errc() || end != value.data() + value.size() || rank < 0 || rank >= model.limits.dp_size) {
    return ApiError{.message = fmt::format("the header X-data-parallel-rank is \"{}\": must be an integer from 0 to {}",
                                           value.substr(0, 40), model.limits.dp_size - 1),
                    .param = "X-data-parallel-rank"};
  }
  for (openai::PreparedPrompt& prompt : request.prompts) {
    if (!prompt.generation.dp_rank) prompt.generation.dp_rank = rank;
  }
  return {};
}

Result<void, ApiError> check_prepared(const Engine& engine, const PreparedRequest& request) {
  for (size_t prompt = 0; prompt < request.prompts.size(); ++prompt) {
    const auto checked = engine.check(request.prompts[prompt].generation);
    if (!checked.ok()) return to_api_error(checked.error(), request, prompt);
  }
  return {};
}

ApiError to_api_error(const SubmitError& error, const PreparedRequest& request, size_t prompt) {
  using Reason = SubmitError::Reason;
  switch (error.reason) {
    case Reason::kQueueFull:
      return {.status = 429, .message = error.message, .type = "rate_limit_error", .code = "queue_full"};
    case Reason::kEngineFailed:
      return openai::server_error(error.message);
    case Reason::kEmptyPrompt:
      return {.message = error.message, .param = request.prompts[prompt].parameter};
    case Reason::kPromptTooLong:
      return {.message = error.message, .param = request.prompts[prompt].parameter, .code = "context_length_exceeded"};
    case Reason::kBadRequest:
      break;
  }
  return {.message = error.message,
          .param = error.parameter.empty() ? std::string() : request.sampling_prefix + error.parameter};
}

}  // namespace braid
