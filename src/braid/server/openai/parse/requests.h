// The bodies of /v1/completions and /v1/chat/completions as validated plain structs, without sockets. An unknown
// parameter is ignored, as OpenAI does; a known one of the wrong type or range is an error that names it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "braid/config/model_config.h"
#include "braid/formats/json.h"
#include "braid/request/generation.h"
#include "braid/request/ids.h"
#include "braid/server/openai/api_error.h"
#include "braid/server/openai/parse/structured_output.h"
#include "braid/server/openai/parse/tools.h"

namespace braid::openai {

struct ProtocolLimits {
  int64_t vocab_size = 0;  // token ids lie in [0, vocab_size)
  int32_t dp_size = 1;     // DP groups: dp_rank lies in [0, dp_size)
  JsonLimits json = {.max_bytes = int64_t{64} << 20, .max_values = 4'000'000, .max_depth = 64};
  int32_t max_choices = 128;     // n
  size_t max_prompts = 2048;     // in one body
  int64_t max_sequences = 4096;  // prompts times n
  size_t max_stop_strings = 64;
  size_t max_stop_bytes = 4096;  // of one stop string
  size_t max_logit_bias = 4096;  // entries
};

// What both endpoints take. Absent: the model's generation_config.json, or the field's default.
struct CommonParameters {
  std::string model;  // may be empty
  std::optional<int32_t> max_tokens;
  std::optional<float> temperature;
  std::optional<float> top_p;
  std::optional<int32_t> top_k;  // 0: off
  std::optional<float> min_p;
  std::optional<float> repetition_penalty;
  float presence_penalty = 0;
  float frequency_penalty = 0;
  std::vector<std::pair<TokenId, float>> logit_bias;
  std::optional<uint64_t> seed;
  int32_t n = 1;
  int32_t min_tokens = 0;
  bool ignore_eos = false;
  std::vector<std::string> stop_strings;
  std::vector<TokenId> stop_token_ids;
  bool logprobs = false;
  int32_t top_logprobs = 0;
  bool skip_special_tokens = true;
  bool no_stop_trim = false;  // the stop string stays in the text
  bool return_token_ids = false;
  bool stream = false;
  bool include_usage = false;  // stream_options.include_usage
  int32_t priority = 0;
  std::optional<int32_t> dp_rank;  // the DP group to run in: a hint, or an order
  bool dp_rank_strict = false;
  std::string user;
  std::string rid;
  std::optional<double> timeout_s;
  StructuredOutput structured_output;
  std::string structured_output_name;  // the parameter that asks for it
};

using Prompt = std::variant<std::string, std::vector<TokenId>>;

struct CompletionRequest {
  CommonParameters common;
  std::vector<Prompt> prompts;  // at least one
  bool echo = false;

  bool scores_prompt() const { return echo && common.logprobs; }
};

struct ChatRequest {
  CommonParameters common;
  Json messages;  // each with a role; content a string or null, text parts joined by newlines
  ToolParameters tools;
  bool separate_reasoning = true;  // thinking apart from the content
  Json template_variables;         // chat_template_kwargs: an object
  bool add_generation_prompt = true;
  bool continue_final_message = false;
};

ApiResult<CompletionRequest> parse_completion_request(std::string_view body, const ProtocolLimits& limits);
ApiResult<ChatRequest> parse_chat_request(std::string_view body, const ProtocolLimits& limits);
// The same of parsed JSON.
ApiResult<CompletionRequest> completion_request_of(const Json& body, const ProtocolLimits& limits);
ApiResult<ChatRequest> chat_request_of(const Json& body, const ProtocolLimits& limits);

// How a template gets the arguments of a tool call, in whichever way they came: some need the one, some the other.
enum class ArgumentStyle : uint8_t { kObject, kText };

// What the chat template reads.
Json template_variables(const ChatRequest& request, ArgumentStyle style);

// With continue_final_message: the prompt without what the template puts behind the last message. `rendered` is the
// template's text for variables in which mark_final_message has marked that message.
void mark_final_message(Json& variables);
Result<std::string> cut_at_mark(std::string rendered);

// The engine's request. `max_tokens_default`: without max_tokens; nullopt: to the end of the context.
GenerationRequest to_generation_request(const CommonParameters& common, Prompt prompt, bool add_special_tokens,
                                        std::optional<int32_t> max_tokens_default, const GenerationDefaults& defaults);

}  // namespace braid::openai
