// From a body of /v1/completions or /v1/chat/completions to what the engine is asked for.
#include "braid/server/service/prepare.h"

#include <charconv>
#include <ctime>
#include <functional>
#include <utility>

#include "braid/server/openai/prepare/prepared_request.h"
#include "braid/server/openai/write/streams.h"

namespace braid {

namespace {

using openai::ApiError;
using openai::PreparedRequest;

openai::ResponseHead head_of(const ServedModel& model, std::string id) {
  return {.id = std::move(id), .created_s = static_cast<int64_t>(std::time(nullptr)), .model = model.name};
}

GenerationPlan begin_plan(const openai::CommonParameters& common, std::string_view prefix, const std::string& unique) {
  GenerationPlan plan;
  plan.id = common.rid.empty() ? std::string(prefix) + unique : common.rid;
  plan.is_stream = common.stream;
  plan.timeout_s = common.timeout_s;
  return plan;
}

std::optional<ApiError> check_prompt_lengths(const ServedModel& model, const PreparedRequest& prepared,
                                             const char* param) {
  for (const openai::PromptResult& prompt : prepared.prompts) {
    if (auto error = check_prompt_length(model, prompt.prompt_ids.size(), param)) return error;
  }
  return std::nullopt;
}

}  // namespace

std::unique_ptr<ServedModel> make_served_model(std::unique_ptr<Engine> engine, const ModelFacts& facts) {
  openai::RequestModel requests = openai::request_model_of(*engine);
  parsers::TemplateFormats& formats = requests.formats;
  formats.reasoning = facts.reasoning_format.value_or(formats.reasoning);
  formats.tools = facts.tool_format.value_or(formats.tools);
  if (formats.tools == parsers::ToolFormat::kMistral) formats.ids = parsers::CallIdStyle::kNineAlphanumeric;
  openai::ProtocolLimits limits = facts.limits;
  limits.vocab_size = requests.tokenizer.vocab_size();
  limits.dp_size = engine->num_groups();
  return std::make_unique<ServedModel>(ServedModel{.engine = std::move(engine),
                                                   .name = facts.name,
                                                   .path = facts.path,
                                                   .tokenizer_path = facts.tokenizer_path,
                                                   .created_s = static_cast<int64_t>(std::time(nullptr)),
                                                   .limits = limits,
                                                   .requests = std::move(requests)});
}

std::optional<ApiError> check_model_name(const ServedModel& model, std::string_view name) {
  if (name.empty() || name == model.name) return std::nullopt;
  return ApiError{.status = 404,
                  .message = fmt::format("the model \"{}\" does not exist; this server has \"{}\"", name, model.name),
                  .type = "invalid_request_error",
                  .param = "model",
                  .code = "model_not_found"};
}

std::optional<ApiError> check_prompt_length(const ServedModel& model, size_t num_tokens, std::string param) {
  if (num_tokens == 0) return ApiError{.message = "the prompt has no tokens", .param = std::move(param)};
  const int64_t context_len = model.engine->stats().context_len;
  if (static_cast<int64_t>(num_tokens) <= context_len) return std::nullopt;
  return ApiError{.message = fmt::format("prompt has {} tokens, this model's context is {}", num_tokens, context_len),
                  .param = std::move(param),
                  .code = "context_length_exceeded"};
}

std::optional<ApiError> apply_dp_rank_header(std::string_view value, const ServedModel& model, GenerationPlan& plan) {
  int32_t rank = -1;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), rank);
  if (error != std::errc() || end != value.data() + value.size() || rank < 0 || rank >= model.limits.dp_size) {
    return ApiError{.message = fmt::format("the header X-data-parallel-rank is \"{}\": must be an integer from 0 to {}",
                                           value.substr(0, 40), model.limits.dp_size - 1),
                    .param = "X-data-parallel-rank"};
  }
  for (GenerationRequest& request : plan.requests) {
    if (!request.dp_rank) request.dp_rank = rank;
  }
  return std::nullopt;
}

PlanResult plan_completion(const ServedModel& model, std::string_view body, const std::string& unique) {
  auto parsed = openai::parse_completion_request(body, model.limits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  auto& request = std::get<openai::CompletionRequest>(parsed);
  if (const auto error = check_model_name(model, request.common.model)) return *error;
  auto result = openai::prepare_completion(request, model.requests);
  if (const auto* error = std::get_if<ApiError>(&result)) return *error;
  auto& prepared = std::get<PreparedRequest>(result);
  if (const auto error = check_prompt_lengths(model, prepared, "prompt")) return *error;

  GenerationPlan plan = begin_plan(request.common, "cmpl-", unique);
  plan.requests = std::move(prepared.generations);
  const auto make = plan.is_stream ? openai::make_completion_stream : openai::make_completion_answer;
  plan.writer = make(head_of(model, plan.id), std::move(request), std::move(prepared.prompts), model.tokenizer());
  return plan;
}

PlanResult plan_chat(const ServedModel& model, std::string_view body, const std::string& unique) {
  auto parsed = openai::parse_chat_request(body, model.limits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  auto& request = std::get<openai::ChatRequest>(parsed);
  if (const auto error = check_model_name(model, request.common.model)) return *error;
  auto result = openai::prepare_chat(request, model.requests, std::hash<std::string>()(unique));
  if (const auto* error = std::get_if<ApiError>(&result)) return *error;
  auto& prepared = std::get<PreparedRequest>(result);
  if (const auto error = check_prompt_lengths(model, prepared, "messages")) return *error;

  GenerationPlan plan = begin_plan(request.common, "chatcmpl-", unique);
  plan.requests = std::move(prepared.generations);
  const auto make = plan.is_stream ? openai::make_chat_stream : openai::make_chat_answer;
  plan.writer = make(head_of(model, plan.id), std::move(request), std::move(prepared.prompts.front()),
                     model.tokenizer(), std::move(prepared.make_parser));
  return plan;
}

}  // namespace braid
