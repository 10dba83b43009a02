#include "braid/server/sglang/prepare_generate.h"

#include <fmt/core.h>

#include <utility>

#include "braid/server/openai/prepare/output_grammar.h"
#include "braid/server/openai/prepare/prepare_request.h"
#include "braid/server/openai/prepare/request_media.h"
#include "braid/server/sglang/generate_answer.h"

namespace braid::sglang {

namespace {

using openai::ApiError;
using openai::PreparedRequest;

constexpr const char* kSamplingPrefix = "sampling_params.";

// The engine checks this, too, but calls the parameter by another name.
Result<void, ApiError> check_logprob_start(const GenerateItem& item, size_t num_tokens) {
  if (item.logprob_start_len <= static_cast<int64_t>(num_tokens)) return {};
  return ApiError{.message = fmt::format("logprob_start_len is {}: must be from 0 to the prompt's {} tokens, or -1",
                                         item.logprob_start_len, num_tokens),
                  .param = "logprob_start_len"};
}

}  // namespace

Result<PreparedRequest, ApiError> prepare_generate(GenerateRequest request, const openai::RequestModel& model,
                                                   const std::string& unique, FetchedImages& fetched) {
  PreparedRequest prepared;
  prepared.id = request.rid.empty() ? unique : request.rid;
  prepared.is_named = !request.rid.empty();
  prepared.is_stream = request.stream;
  prepared.timeout_s = request.timeout_s;
  prepared.sampling_prefix = kSamplingPrefix;
  std::vector<GeneratePrompt> answered;
  bool is_list = request.is_list;
  for (size_t i = 0; i < request.items.size(); ++i) {
    GenerateItem& item = request.items[i];
    auto grammar = openai::output_grammar(item.parameters, model.grammars);
    if (!grammar.ok()) {
      ApiError error = grammar.error();
      error.param = kSamplingPrefix + error.param;
      return error;
    }
    GeneratePrompt prompt{.id = request.is_list ? fmt::format("{}_{}", prepared.id, i) : prepared.id,
                          .n = item.parameters.n,
                          .logprobs = item.parameters.logprobs,
                          .top_logprobs = item.parameters.top_logprobs,
                          .logprob_start_len = item.logprob_start_len};
    if (!item.rid.empty()) prompt.id = item.rid;
    const auto* text = std::get_if<std::string>(&item.prompt);
    const char* const parameter = text != nullptr ? "text" : "input_ids";
    if (text != nullptr) {
      prompt.ids = model.tokenizer.encode(item.media.empty() ? *text : openai::spell_images(*text, model), true);
    } else {
      prompt.ids = std::get<std::vector<TokenId>>(std::move(item.prompt));
    }
    is_list = is_list || prompt.n > 1;
    GenerationRequest generation =
        openai::to_generation_request(item.parameters, std::move(prompt.ids), false, std::nullopt, model.defaults);
    TRY_STATUS(
        openai::add_media(item.media, model, {.images = "image_data", .videos = "video_data"}, fetched, generation));
    prompt.ids = openai::plain_prompt(generation, model);
    TRY_STATUS(check_logprob_start(item, prompt.ids.size()));
    generation.sampling.prompt_logprobs_start = item.logprob_start_len;
    generation.grammar = *std::move(grammar);
    prepared.prompts.push_back({.id = prompt.id, .parameter = parameter, .generation = std::move(generation)});
    answered.push_back(std::move(prompt));
  }
  const auto make_writer = prepared.is_stream ? make_generate_stream : make_generate_answer;
  prepared.writer = make_writer(std::move(answered), is_list, model.tokenizer);
  return prepared;
}

}  // namespace braid::sglang
