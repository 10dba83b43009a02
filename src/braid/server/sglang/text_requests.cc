#include "braid/server/sglang/text_requests.h"

#include <algorithm>
#include <utility>

#include "braid/server/openai/parse/common_parameters.h"
#include "braid/server/openai/parse/prompts.h"

namespace braid::sglang {

namespace {

using openai::ApiError;
using openai::ParameterReader;
using openai::ProtocolLimits;

}  // namespace

Result<TokenizeRequest, ApiError> parse_tokenize_request(std::string_view body, const ProtocolLimits& limits) {
  TRY(const Json json, openai::parse_body(body, limits));
  ParameterReader reader(json);
  TokenizeRequest request;
  request.add_special_tokens = reader.boolean("add_special_tokens").value_or(true);
  const Json* prompt = reader.find("prompt");
  if ((prompt == nullptr) == (reader.find("messages") == nullptr)) {
    reader.fail("prompt", "give the text by one of prompt and messages");
  } else if (prompt == nullptr) {
    TRY(request.prompt, openai::chat_request_of(json, limits));
  } else if (prompt->is_string()) {
    request.prompt = prompt->get<std::string>();
  } else if (prompt->is_array() && prompt->size() <= limits.max_prompts &&
             std::ranges::all_of(*prompt, [](const Json& text) { return text.is_string(); })) {
    request.prompt = prompt->get<std::vector<std::string>>();
  } else {
    reader.fail_value("prompt", *prompt, fmt::format("a string, or a list of at most {} strings", limits.max_prompts));
  }
  if (reader.error()) return *reader.error();
  return request;
}

Result<DetokenizeRequest, ApiError> parse_detokenize_request(std::string_view body, const ProtocolLimits& limits) {
  TRY(const Json json, openai::parse_body(body, limits));
  ParameterReader reader(json);
  DetokenizeRequest request;
  request.skip_special_tokens = reader.boolean("skip_special_tokens").value_or(true);
  const Json* tokens = reader.find("tokens");
  if (tokens == nullptr) {
    reader.fail("tokens", "tokens is missing");
  } else if (tokens->is_array() && tokens->empty()) {
    request.tokens.emplace_back();
  } else {
    auto list = openai::read_prompts(reader, "tokens", *tokens, limits, openai::PromptKind::kIds);
    request.is_list = list.is_list;
    for (openai::Prompt& prompt : list.prompts) {
      request.tokens.push_back(std::get<std::vector<TokenId>>(std::move(prompt)));
    }
  }
  if (reader.error()) return *reader.error();
  return request;
}

Result<AbortRequest, ApiError> parse_abort_request(std::string_view body, const ProtocolLimits& limits) {
  TRY(const Json json, openai::parse_body(body, limits));
  ParameterReader reader(json);
  AbortRequest request;
  request.rid = reader.text("rid").value_or("");
  request.all = reader.boolean("abort_all").value_or(false);
  if (request.rid.empty() && !request.all) reader.fail("rid", "give a rid, or abort_all: true");
  if (reader.error()) return *reader.error();
  return request;
}

Result<LoggingRequest, ApiError> parse_logging_request(std::string_view body, const ProtocolLimits& limits) {
  TRY(const Json json, openai::parse_body(body, limits));
  ParameterReader reader(json);
  LoggingRequest request;
  request.log_requests = reader.boolean("log_requests");
  if (const auto text = reader.text("log_level")) {
    const auto levels = parse_log_levels(*text);
    if (levels.ok()) {
      request.levels = *levels;
    } else {
      reader.fail("log_level", "log_level: " + levels.error().message);
    }
  }
  if (reader.error()) return *reader.error();
  return request;
}

}  // namespace braid::sglang
