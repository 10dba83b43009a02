// The body of /v1/completions.
#include <fmt/core.h>

#include "braid/server/openai/parse/common_parameters.h"
#include "braid/server/openai/parse/prompts.h"

namespace braid::openai {

Result<CompletionRequest, ApiError> completion_request_of(const Json& body, const ProtocolLimits& limits) {
  ParameterReader reader(body);
  CompletionRequest request;
  if (const Json* prompt = reader.find("prompt")) {
    request.prompts = read_prompts(reader, "prompt", *prompt, limits).prompts;
  } else {
    reader.fail("prompt", "prompt is missing");
  }
  request.common = read_common(reader, limits);
  request.echo = reader.boolean("echo").value_or(false);
  if (const auto logprobs = reader.integer("logprobs", 0, 20)) {
    request.common.logprobs = true;
    request.common.top_logprobs = static_cast<int32_t>(*logprobs);
  }
  const auto num_prompts = static_cast<int64_t>(request.prompts.size());
  if (num_prompts * request.common.n > limits.max_sequences) {
    reader.fail("n", fmt::format("{} prompts with n = {} are {} sequences, at most {} are allowed", num_prompts,
                                 request.common.n, num_prompts * request.common.n, limits.max_sequences));
  }
  if (reader.error()) return *reader.error();
  return request;
}

Result<CompletionRequest, ApiError> parse_completion_request(std::string_view body, const ProtocolLimits& limits) {
  TRY(const Json json, parse_body(body, limits));
  return completion_request_of(json, limits);
}

}  // namespace braid::openai
