// The body of /v1/chat/completions.
#include <fmt/core.h>

#include "braid/server/openai/parse/common_parameters.h"
#include "braid/server/openai/parse/content_parts.h"
#include "braid/server/openai/parse/function_messages.h"

namespace braid::openai {

namespace {

void read_message(Json& message, size_t index, FunctionMessages& functions, ContentParts& parts,
                  ParameterReader& reader) {
  const std::string where = fmt::format("messages[{}]", index);
  if (!message.is_object()) return reader.fail_value(where, message, "an object");
  const auto role = message.find("role");
  if (role == message.end() || !role->is_string() || role->get_ref<const std::string&>().empty()) {
    return reader.fail("messages", where + " has no role");
  }
  if (const auto calls = message.find("tool_calls");
      calls != message.end() && !calls->is_null() && !calls->is_array()) {
    return reader.fail("messages", where + ".tool_calls must be a list");
  }
  functions.convert(message, where);
  const auto content = message.find("content");
  if (content == message.end()) {
    if (message["role"] != "assistant" || !message.contains("tool_calls"))
      return reader.fail("messages", where + " has no content");
    message["content"] = nullptr;
  } else if (content->is_array()) {
    parts.convert(*content, where);
  } else if (!content->is_string() && !content->is_null()) {
    reader.fail("messages",
                fmt::format("{}.content is {}: must be a string or a list of parts", where, json_excerpt(*content)));
  }
}

void read_messages(ParameterReader& reader, const ProtocolLimits& limits, ChatRequest& request) {
  const Json* messages = reader.find("messages");
  if (messages == nullptr) return reader.fail("messages", "messages is missing");
  if (!messages->is_array() || messages->empty())
    return reader.fail_value("messages", *messages, "a list of at least one message");
  request.messages = *messages;
  FunctionMessages functions(reader);
  ContentParts parts(reader, limits.max_images);
  for (size_t i = 0; i < request.messages.size(); ++i) read_message(request.messages[i], i, functions, parts, reader);
  request.media = parts.take_media();
}

void check_continuation(ParameterReader& reader, ChatRequest& request, bool asks_for_prompt) {
  const auto is_assistant = [](const Json& message) {
    return message.is_object() && message.contains("role") && message["role"] == "assistant";
  };
  const size_t count = request.messages.size();
  if (count >= 2 && is_assistant(request.messages[count - 1]) && is_assistant(request.messages[count - 2])) {
    reader.fail("messages", "the last two messages are both the assistant's");
  }
  if (!request.continue_final_message) return;
  if (asks_for_prompt) {
    reader.fail("continue_final_message", "continue_final_message and add_generation_prompt exclude each other");
  }
  const Json* last = count > 0 && request.messages.back().is_object() ? &request.messages.back() : nullptr;
  const auto content = last != nullptr ? last->find("content") : Json::const_iterator();
  if (last == nullptr || content == last->end() || !content->is_string()) {
    reader.fail("continue_final_message", "continue_final_message needs a last message with text");
  }
  request.add_generation_prompt = false;
}

}  // namespace

Result<ChatRequest, ApiError> chat_request_of(const Json& body, const ProtocolLimits& limits) {
  ParameterReader reader(body);
  ChatRequest request;
  read_messages(reader, limits, request);
  request.common = read_common(reader, limits);
  request.tools = read_tool_parameters(reader);
  request.separate_reasoning = reader.boolean("separate_reasoning").value_or(true);
  request.common.logprobs = reader.boolean("logprobs").value_or(false);
  if (const auto top = reader.integer("top_logprobs", 0, 20)) {
    request.common.top_logprobs = static_cast<int32_t>(*top);
    if (!request.common.logprobs && *top > 0) reader.fail("top_logprobs", "top_logprobs needs logprobs to be true");
  }
  request.template_variables = Json::object();
  if (const Json* variables = reader.find("chat_template_kwargs")) {
    if (variables->is_object()) {
      request.template_variables = *variables;
    } else {
      reader.fail_value("chat_template_kwargs", *variables, "an object");
    }
  }
  const auto adds_prompt = reader.boolean("add_generation_prompt");
  request.add_generation_prompt = adds_prompt.value_or(true);
  request.continue_final_message = reader.boolean("continue_final_message").value_or(false);
  check_continuation(reader, request, adds_prompt.value_or(false));
  if (reader.error()) return *reader.error();
  return request;
}

Result<ChatRequest, ApiError> parse_chat_request(std::string_view body, const ProtocolLimits& limits) {
  TRY(const Json json, parse_body(body, limits));
  return chat_request_of(json, limits);
}

}  // namespace braid::openai
