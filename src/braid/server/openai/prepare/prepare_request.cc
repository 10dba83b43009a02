#include "braid/server/openai/prepare/prepare_request.h"

#include <algorithm>
#include <random>
#include <utility>

#include "braid/controller/choice_text.h"
#include "braid/server/openai/prepare/output_grammar.h"
#include "braid/server/openai/prepare/parser_options.h"
#include "braid/server/openai/prepare/request_media.h"
#include "braid/server/openai/write/streams.h"

namespace braid::openai {

namespace {

constexpr int32_t kDefaultCompletionTokens = 16;  // OpenAI's
constexpr MediaParameters kMessages = {.images = "messages", .videos = "messages"};

PreparedRequest begin_request(const ResponseHead& head, const CommonParameters& common) {
  PreparedRequest prepared;
  prepared.id = head.id;
  prepared.is_named = !common.rid.empty();
  prepared.is_stream = common.stream;
  prepared.timeout_s = common.timeout_s;
  return prepared;
}

// The prompt as token ids, and its text if it is echoed.
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

// Makes room in `prompt` for the choices of `generation`.
void expect_choices(const GenerationRequest& generation, const Tokenizer& tokenizer, PromptResult& prompt) {
  prompt.choices.resize(static_cast<size_t>(generation.n));
  prompt.continues_text = text_stream_options(generation, tokenizer).continues_text;
}

}  // namespace

Result<PreparedRequest, ApiError> prepare_completion(CompletionRequest request, const RequestModel& model,
                                                     ResponseHead head) {
  TRY(const std::optional<GrammarConstraint> grammar, output_grammar(request.common, model.grammars));
  PreparedRequest prepared = begin_request(head, request.common);
  std::vector<PromptResult> results;
  for (Prompt& given : std::exchange(request.prompts, {})) {
    PromptResult result = read_prompt(std::move(given), request, model.tokenizer);
    GenerationRequest generation =
        to_generation_request(request.common, result.prompt_ids, false, kDefaultCompletionTokens, model.defaults);
    generation.grammar = grammar;
    if (request.scores_prompt()) generation.sampling.prompt_logprobs_start = 0;
    expect_choices(generation, model.tokenizer, result);
    prepared.prompts.push_back({.parameter = "prompt", .generation = std::move(generation)});
    results.push_back(std::move(result));
  }
  const auto make_writer = prepared.is_stream ? make_completion_stream : make_completion_answer;
  prepared.writer = make_writer(std::move(head), std::move(request), std::move(results), model.tokenizer);
  return prepared;
}

Result<PreparedRequest, ApiError> prepare_chat(ChatRequest request, const RequestModel& model, ResponseHead head,
                                               uint64_t id_seed, FetchedImages& fetched) {
  // Before the template, which may not know such parts.
  TRY_STATUS(check_takes_media(request.media, model, kMessages));
  auto rendered = model.renderer.prompt(request);
  if (!rendered.ok()) return ApiError{.message = rendered.error().message, .param = "messages"};
  const std::string text = request.media.empty() ? *std::move(rendered) : spell_images(*std::move(rendered), model);
  parsers::ParserOptions options = parser_options(request, model.formats, text, id_seed);
  TRY(auto grammar, chat_grammar(request, model.tokenizer, model.grammars, options));
  request.messages = nullptr;  // they are in the prompt

  GenerationRequest generation =
      to_generation_request(request.common, model.tokenizer.encode(text, false), false, std::nullopt, model.defaults);
  TRY_STATUS(add_media(request.media, model, kMessages, fetched, generation));
  PromptResult result{.prompt_ids = plain_prompt(generation, model)};
  generation.grammar = std::move(grammar);
  if (looks_for_special_tokens(options)) generation.skip_special_tokens = false;
  generation.continues_text = request.continue_final_message;
  expect_choices(generation, model.tokenizer, result);
  PreparedRequest prepared = begin_request(head, request.common);
  prepared.prompts.push_back({.parameter = "messages", .generation = std::move(generation)});
  const auto make_writer = prepared.is_stream ? make_chat_stream : make_chat_answer;
  prepared.writer = make_writer(std::move(head), std::move(request), std::move(result), model.tokenizer,
                                make_parsers(std::move(options)));
  return prepared;
}

GenerationRequest to_generation_request(const CommonParameters& common, Prompt prompt, bool add_special_tokens,
                                        std::optional<int32_t> max_tokens_default, const GenerationDefaults& defaults) {
  GenerationRequest request;
  request.prompt = std::move(prompt);
  request.add_special_tokens = add_special_tokens;
  SamplingParams& sampling = request.sampling;
  sampling.temperature = common.temperature.value_or(defaults.temperature.value_or(1.0F));
  sampling.top_k = common.top_k.value_or(defaults.top_k.value_or(0));
  sampling.top_p = common.top_p.value_or(defaults.top_p.value_or(1.0F));
  sampling.min_p = common.min_p.value_or(defaults.min_p.value_or(0.0F));
  sampling.repetition_penalty = common.repetition_penalty.value_or(defaults.repetition_penalty.value_or(1.0F));
  sampling.presence_penalty = common.presence_penalty;
  sampling.frequency_penalty = common.frequency_penalty;
  sampling.logit_bias = common.logit_bias;
  sampling.seed = common.seed ? *common.seed : (uint64_t{std::random_device{}()} << 32 | std::random_device{}());
  const auto max_tokens = common.max_tokens ? common.max_tokens : max_tokens_default;
  request.until_context_end = !max_tokens.has_value();
  sampling.max_new_tokens = max_tokens.value_or(std::max(common.min_tokens, sampling.max_new_tokens));
  sampling.min_new_tokens = common.min_tokens;
  sampling.stop_token_ids = common.stop_token_ids;
  sampling.logprobs = common.logprobs;
  sampling.top_logprobs = common.top_logprobs;
  request.ignore_eos = common.ignore_eos;
  request.stop_strings = common.stop_strings;
  request.n = common.n;
  request.skip_special_tokens = common.skip_special_tokens;
  request.include_stop_in_text = common.no_stop_trim;
  request.priority = common.priority;
  request.dp_rank = common.dp_rank;
  request.dp_rank_strict = common.dp_rank_strict;
  return request;
}

}  // namespace braid::openai
