#include "braid/server/openai/prepare/prepared_request.h"

#include <optional>
#include <utility>

#include "braid/controller/choice_text.h"
#include "braid/server/openai/prepare/output_grammar.h"
#include "braid/server/openai/prepare/parser_options.h"

namespace braid::openai {

namespace {

constexpr int32_t kDefaultCompletionTokens = 16;  // OpenAI's

void append(GenerationRequest generation, PromptResult prompt, const RequestModel& model, PreparedRequest& prepared) {
  prompt.choices.resize(static_cast<size_t>(generation.n));
  prompt.continues_text = text_stream_options(generation, model.tokenizer).continues_text;
  prepared.generations.push_back(std::move(generation));
  prepared.prompts.push_back(std::move(prompt));
}

// The prompt in ids; its text, if it is echoed.
PromptResult read_prompt(Prompt prompt, const CompletionRequest& request, const Tokenizer& tokenizer) {
  PromptResult result;
  if (auto* text = std::get_if<std::string>(&prompt)) {
    result.prompt_ids = tokenizer.encode(*text, true);
    if (request.echo) result.prompt_text = std::move(*text);
  } else {
    result.prompt_ids = std::get<std::vector<TokenId>>(std::move(prompt));
    if (request.echo) result.prompt_text = tokenizer.decode(result.prompt_ids, request.common.skip_special_tokens);
  }
  return result;
}

}  // namespace

RequestModel request_model_of(Engine& engine) {
  const ChatTemplates& chat = engine.text().chat;
  return {.tokenizer = *engine.text().tokenizer,
          .defaults = engine.generation_defaults(),
          .grammars = engine.grammars(),
          .renderer = ChatRenderer([&chat](const Json& variables) { return chat.render(variables); },
                                   chat.knows_developer_role()),
          .formats = parsers::formats_of_template(chat.text)};
}

ApiResult<PreparedRequest> prepare_completion(CompletionRequest& request, const RequestModel& model) {
  const AnswerForm form = answer_form(request.common, model.grammars);
  if (const auto* error = std::get_if<ApiError>(&form)) return *error;
  PreparedRequest prepared;
  for (Prompt& given : std::exchange(request.prompts, {})) {
    PromptResult prompt = read_prompt(std::move(given), request, model.tokenizer);
    GenerationRequest generation =
        to_generation_request(request.common, prompt.prompt_ids, false, kDefaultCompletionTokens, model.defaults);
    generation.grammar = std::get<std::optional<GrammarConstraint>>(form);
    if (request.scores_prompt()) generation.sampling.prompt_logprobs_start = 0;
    append(std::move(generation), std::move(prompt), model, prepared);
  }
  return prepared;
}

ApiResult<PreparedRequest> prepare_chat(ChatRequest& request, const RequestModel& model, uint64_t id_seed) {
  const auto text = model.renderer.prompt(request);
  if (!text.ok()) return ApiError{.message = text.error().message, .param = "messages"};
  auto options = parser_options(request, model.formats, *text, id_seed);
  auto form = chat_form(request, model.tokenizer, model.grammars, options);
  if (const auto* error = std::get_if<ApiError>(&form)) return *error;
  request.messages = nullptr;  // they are in the prompt

  PromptResult prompt{.prompt_ids = model.tokenizer.encode(*text, false)};
  GenerationRequest generation =
      to_generation_request(request.common, prompt.prompt_ids, false, std::nullopt, model.defaults);
  generation.grammar = std::get<std::optional<GrammarConstraint>>(std::move(form));
  if (looks_for_special_tokens(options)) generation.skip_special_tokens = false;
  generation.continues_text = request.continue_final_message;
  PreparedRequest prepared;
  append(std::move(generation), std::move(prompt), model, prepared);
  prepared.make_parser = make_parsers(std::move(options));
  return prepared;
}

}  // namespace braid::openai
