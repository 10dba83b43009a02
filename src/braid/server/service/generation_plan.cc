// From a body of /v1/completions or /v1/chat/completions to what the engine is asked for.
#include "braid/server/service/generation_plan.h"

#include <ctime>
#include <functional>
#include <utility>

#include "braid/control/choice_text.h"
#include "braid/server/openai/answer_form.h"
#include "braid/server/openai/chat_parser.h"
#include "braid/server/openai/streams.h"

namespace braid {

namespace {

using openai::ApiError;
using openai::PromptResult;

constexpr int32_t kDefaultCompletionTokens = 16;  // OpenAI's

openai::ResponseHead head_of(const ServedModel& model, std::string id) {
  return {.id = std::move(id), .created_s = static_cast<int64_t>(std::time(nullptr)), .model = model.name};
}

// The prompt in ids; its text, if it is echoed.
PromptResult read_prompt(const ServedModel& model, openai::Prompt prompt, const openai::CompletionRequest& request) {
  const Tokenizer& tokenizer = model.tokenizer();
  PromptResult result;
  result.choices.resize(static_cast<size_t>(request.common.n));
  if (auto* text = std::get_if<std::string>(&prompt)) {
    result.prompt_ids = tokenizer.encode(*text, true);
    if (request.echo) result.prompt_text = std::move(*text);
  } else {
    result.prompt_ids = std::get<std::vector<TokenId>>(std::move(prompt));
    if (request.echo) result.prompt_text = tokenizer.decode(result.prompt_ids, request.common.skip_special_tokens);
  }
  return result;
}

GenerationPlan begin_plan(const openai::CommonParameters& common, std::string_view prefix, const std::string& unique) {
  GenerationPlan plan;
  plan.id = common.rid.empty() ? std::string(prefix) + unique : common.rid;
  plan.is_stream = common.stream;
  plan.timeout_s = common.timeout_s;
  return plan;
}

}  // namespace

std::unique_ptr<ServedModel> make_served_model(std::unique_ptr<Engine> engine, const ModelFacts& facts) {
  const TextModel& text = engine->text();
  openai::ProtocolLimits limits = facts.limits;
  limits.vocab_size = text.tokenizer->vocab_size();
  openai::ChatRenderer renderer([&text](const Json& variables) { return text.render_chat(variables); },
                                text.knows_developer_role());
  parsers::TemplateFormats formats = parsers::formats_of_template(text.chat_template_text);
  formats.reasoning = facts.reasoning_format.value_or(formats.reasoning);
  formats.tools = facts.tool_format.value_or(formats.tools);
  if (formats.tools == parsers::ToolFormat::kMistral) formats.ids = parsers::CallIdStyle::kNineAlphanumeric;
  return std::make_unique<ServedModel>(ServedModel{.engine = std::move(engine),
                                                   .name = facts.name,
                                                   .path = facts.path,
                                                   .tokenizer_path = facts.tokenizer_path,
                                                   .created_s = static_cast<int64_t>(std::time(nullptr)),
                                                   .limits = limits,
                                                   .renderer = std::move(renderer),
                                                   .formats = formats});
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

PlanResult plan_completion(const ServedModel& model, std::string_view body, const std::string& unique) {
  auto parsed = openai::parse_completion_request(body, model.limits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  auto& request = std::get<openai::CompletionRequest>(parsed);
  if (const auto error = check_model_name(model, request.common.model)) return *error;
  const auto form = openai::answer_form(request.common, model.engine->grammars());
  if (const auto* error = std::get_if<ApiError>(&form)) return *error;

  GenerationPlan plan = begin_plan(request.common, "cmpl-", unique);
  std::vector<PromptResult> prompts;
  for (openai::Prompt& prompt : request.prompts) {
    PromptResult result = read_prompt(model, std::move(prompt), request);
    if (const auto error = check_prompt_length(model, result.prompt_ids.size(), "prompt")) return *error;
    GenerationRequest generation = openai::to_generation_request(
        request.common, result.prompt_ids, false, kDefaultCompletionTokens, model.engine->generation_defaults());
    generation.grammar = std::get<std::optional<GrammarConstraint>>(form);
    if (request.scores_prompt()) generation.sampling.prompt_logprobs_start = 0;
    result.continues_text = text_stream_options(generation, model.tokenizer()).continues_text;
    plan.requests.push_back(std::move(generation));
    prompts.push_back(std::move(result));
  }
  request.prompts.clear();
  const auto make = plan.is_stream ? openai::make_completion_stream : openai::make_completion_answer;
  plan.writer = make(head_of(model, plan.id), std::move(request), std::move(prompts), model.tokenizer());
  return plan;
}

PlanResult plan_chat(const ServedModel& model, std::string_view body, const std::string& unique) {
  auto parsed = openai::parse_chat_request(body, model.limits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  auto& request = std::get<openai::ChatRequest>(parsed);
  if (const auto error = check_model_name(model, request.common.model)) return *error;

  GenerationPlan plan = begin_plan(request.common, "chatcmpl-", unique);
  const auto text = model.renderer.prompt(request);
  if (!text.ok()) return ApiError{.message = text.error().message, .param = "messages"};
  PromptResult prompt;
  prompt.choices.resize(static_cast<size_t>(request.common.n));
  prompt.prompt_ids = model.tokenizer().encode(*text, false);
  if (const auto error = check_prompt_length(model, prompt.prompt_ids.size(), "messages")) return *error;
  auto options = openai::parser_options(request, model.formats, *text, std::hash<std::string>()(unique));
  auto form = openai::chat_form(request, model.tokenizer(), model.engine->grammars(), options);
  if (const auto* error = std::get_if<ApiError>(&form)) return *error;
  GenerationRequest generation = openai::to_generation_request(request.common, prompt.prompt_ids, false, std::nullopt,
                                                               model.engine->generation_defaults());
  generation.grammar = std::get<std::optional<GrammarConstraint>>(std::move(form));
  if (openai::looks_for_special_tokens(options)) generation.skip_special_tokens = false;
  generation.continues_text = request.continue_final_message;
  prompt.continues_text = text_stream_options(generation, model.tokenizer()).continues_text;
  plan.requests.push_back(std::move(generation));
  request.messages = nullptr;  // it is in the prompt
  const auto make = plan.is_stream ? openai::make_chat_stream : openai::make_chat_answer;
  plan.writer = make(head_of(model, plan.id), std::move(request), std::move(prompt), model.tokenizer(),
                     openai::make_parsers(options));
  return plan;
}

}  // namespace braid
