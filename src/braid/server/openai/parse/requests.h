// Parses the bodies of /v1/completions and /v1/chat/completions into plain structs. An unknown parameter is ignored, as
// OpenAI does. A known one of the wrong type, or beyond a limit of the protocol, is an error that names it. The ranges
// of sampling parameters are checked for every caller of the engine, in api/request_check.h.
// Tested by completion_request_test.cc and chat_request_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/request/ids.h"
#include "braid/request/request_image.h"
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
  size_t max_stop_bytes = 4096;           // of one stop string
  size_t max_logit_bias = 4096;           // entries
  size_t max_images = kMaxRequestImages;  // in one request, and frames of videos
};

// The parameters of both endpoints. An absent one has the value in the model's generation_config.json, else the field's
// default.
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
  std::optional<int32_t> dp_rank;  // the DP group to run in: a hint, unless dp_rank_strict
  bool dp_rank_strict = false;
  std::string user;
  std::string rid;
  std::optional<double> timeout_s;
  StructuredOutput structured_output;
  std::string structured_output_name;  // the parameter that it came from
};

using Prompt = std::variant<std::string, std::vector<TokenId>>;

struct CompletionRequest {
  CommonParameters common;
  std::vector<Prompt> prompts;  // at least one
  bool echo = false;

  bool scores_prompt() const { return echo && common.logprobs; }
};

struct VideoUrls {
  std::vector<std::string> frames;  // as those of images
  double fps = RequestVideo().fps;
};

// What a request has beside text, in order.
struct MediaUrls {
  std::vector<std::string> images;
  std::vector<VideoUrls> videos;

  bool empty() const { return images.empty() && videos.empty(); }
};

struct ChatRequest {
  CommonParameters common;
  // Each has a role. Its content is a string (text parts joined by newlines), null, or, where images or videos are, a
  // list of {"type": "text", "text": …}, {"type": "image"} and {"type": "video"}, as templates take it.
  Json messages;
  MediaUrls media;  // of all messages
  ToolParameters tools;
  bool separate_reasoning = true;  // thinking goes to reasoning_content, not to content
  Json template_variables;         // chat_template_kwargs: an object
  bool add_generation_prompt = true;
  bool continue_final_message = false;
};

Result<CompletionRequest, ApiError> parse_completion_request(std::string_view body, const ProtocolLimits& limits);
Result<ChatRequest, ApiError> parse_chat_request(std::string_view body, const ProtocolLimits& limits);
// The same from parsed JSON.
Result<CompletionRequest, ApiError> completion_request_of(const Json& body, const ProtocolLimits& limits);
Result<ChatRequest, ApiError> chat_request_of(const Json& body, const ProtocolLimits& limits);

}  // namespace braid::openai
