// The body of /v1/completions.
#include "braid/server/openai/common_parameters.h"

namespace braid::openai {

namespace {

// Token ids, or nothing and an error.
std::optional<std::vector<TokenId>> token_ids(const Json& list, const ProtocolLimits& limits, ParameterReader& reader) {
  std::vector<TokenId> ids;
  ids.reserve(list.size());
  for (const Json& item : list) {
    const bool is_id = item.is_number_integer() && item.get<double>() >= 0 &&
                       item.get<double>() < static_cast<double>(limits.vocab_size);
    if (!is_id) {
      reader.fail("prompt", fmt::format("prompt holds {}: must be token ids from 0 to {}", json_excerpt(item),
                                        limits.vocab_size - 1));
      return std::nullopt;
    }
    ids.push_back(item.get<TokenId>());
  }
  return ids;
}

void add_prompt(const Json& value, const ProtocolLimits& limits, ParameterReader& reader,
                std::vector<Prompt>& prompts) {
  if (value.is_string()) {
    prompts.emplace_back(value.get<std::string>());
  } else if (value.is_array() && !value.empty()) {
    if (auto ids = token_ids(value, limits, reader)) prompts.emplace_back(*std::move(ids));
  } else {
    reader.fail_value("prompt", value, "a string, a list of token ids, or a list of those");
  }
}

std::vector<Prompt> read_prompts(ParameterReader& reader, const ProtocolLimits& limits) {
  std::vector<Prompt> prompts;
  const Json* value = reader.find("prompt");
  if (value == nullptr) {
    reader.fail("prompt", "prompt is missing");
  } else if (!value->is_array() || value->empty() || value->front().is_number()) {
    add_prompt(*value, limits, reader, prompts);
  } else if (value->size() > limits.max_prompts) {
    reader.fail("prompt",
                fmt::format("prompt has {} prompts, at most {} are allowed", value->size(), limits.max_prompts));
  } else {
    for (const Json& prompt : *value) add_prompt(prompt, limits, reader, prompts);
  }
  return prompts;
}

}  // namespace

ApiResult<CompletionRequest> completion_request_of(const Json& body, const ProtocolLimits& limits) {
  ParameterReader reader(body);
  CompletionRequest request;
  request.prompts = read_prompts(reader, limits);
  request.common = read_common(reader, limits, true);
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
  if (request.common.max_tokens == 0 && !request.echo) {
    reader.fail("max_tokens", "max_tokens is 0: must be at least 1, unless echo is true");
  }
  if (reader.error()) return *reader.error();
  return request;
}

ApiResult<CompletionRequest> parse_completion_request(std::string_view body, const ProtocolLimits& limits) {
  ApiError error;
  const auto json = parse_body(body, limits, error);
  if (!json) return error;
  return completion_request_of(*json, limits);
}

}  // namespace braid::openai
