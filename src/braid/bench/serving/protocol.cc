#include "braid/bench/serving/protocol.h"

#include <fmt/format.h>

#include "braid/formats/json.h"

namespace braid::serving {
namespace {

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

int64_t integer_or(const Json& object, const char* key, int64_t otherwise) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_number_integer() ? value->get<int64_t>() : otherwise;
}

std::string_view text_in(const Json& object, const char* key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get_ref<const std::string&>() : std::string_view();
}

// A user's message. Written without a Json of the images' URLs, which would cost as much time as all the rest of a
// request; they need no escapes.
std::string chat_messages(const std::string& text, const std::vector<std::string>& images) {
  if (images.empty()) return Json::array({{{"role", "user"}, {"content", text}}}).dump();
  std::string parts;
  for (const std::string& url : images) {
    parts += R"({"type":"image_url","image_url":{"url":")";
    parts += url;
    parts += R"("}},)";
  }
  return fmt::format(R"([{{"role":"user","content":[{}{}]}}])", parts, Json{{"type", "text"}, {"text", text}}.dump());
}

std::string error_message(const Json& json) {
  const Json* error = find(json, "error");
  if (error == nullptr) return {};
  if (const Json* message = find(*error, "message"); message != nullptr && message->is_string()) {
    return message->get<std::string>();
  }
  return error->is_string() ? error->get<std::string>() : error->dump();
}

}  // namespace

Result<Backend> parse_backend(const std::string& name) {
  if (name == "openai" || name == "vllm" || name == "sglang-oai") return Backend::kCompletions;
  if (name == "openai-chat" || name == "vllm-chat" || name == "sglang-oai-chat") return Backend::kChat;
  if (name == "sglang" || name == "generate") return Backend::kGenerate;
  return fail("--backend {}: must be openai, openai-chat or sglang", name);
}

std::string_view endpoint(Backend backend) {
  switch (backend) {
    case Backend::kChat:
      return "/v1/chat/completions";
    case Backend::kGenerate:
      return "/generate";
    case Backend::kCompletions:
      break;
  }
  return "/v1/completions";
}

std::string request_body(const BodyOptions& options, const Prompt& prompt) {
  Json body = Json::object();
  const auto* text = std::get_if<std::string>(&prompt.content);
  const auto* ids = std::get_if<std::vector<TokenId>>(&prompt.content);
  if (options.backend == Backend::kGenerate) {
    if (text != nullptr) body["text"] = *text;
    if (ids != nullptr) body["input_ids"] = *ids;
    body["sampling_params"] = {{"max_new_tokens", prompt.output_len},
                               {"temperature", options.temperature},
                               {"ignore_eos", options.ignore_eos}};
    body["stream"] = true;
    return body.dump();
  }
  if (!options.model.empty()) body["model"] = options.model;
  if (options.backend == Backend::kChat) {
    CHECK(text != nullptr, "a chat message is text");
  } else if (text != nullptr) {
    body["prompt"] = *text;
  } else {
    body["prompt"] = *ids;
  }
  body["max_tokens"] = prompt.output_len;
  body["temperature"] = options.temperature;
  body["ignore_eos"] = options.ignore_eos;
  if (options.return_token_ids) body["return_token_ids"] = true;
  body["stream"] = true;
  body["stream_options"] = {{"include_usage", true}};
  if (options.backend != Backend::kChat) return body.dump();
  return fmt::format(R"({{"messages":{},{})", chat_messages(*text, prompt.images), body.dump().substr(1));
}

int StreamReader::push(std::string_view bytes) {
  int num_pieces = 0;
  events_.push(bytes, [&](std::string_view data) {
    if (take_event(data)) ++num_pieces;
  });
  return num_pieces;
}

// Returns whether it brought text or tokens.
bool StreamReader::take_event(std::string_view data) {
  if (data == "[DONE]") {
    is_done_ = true;
    return false;
  }
  const auto parsed = parse_json(data);
  if (!parsed.ok()) {
    error_ = fmt::format("an event is no JSON: {}", parsed.error().message);
    return false;
  }
  if (std::string error = error_message(*parsed); !error.empty()) error_ = std::move(error);
  if (backend_ == Backend::kGenerate) {
    const int64_t num_tokens = output_tokens_;
    if (const Json* meta = find(*parsed, "meta_info")) {
      prompt_tokens_ = integer_or(*meta, "prompt_tokens", prompt_tokens_);
      output_tokens_ = integer_or(*meta, "completion_tokens", output_tokens_);
    }
    const std::string_view text = text_in(*parsed, "text");  // all of it so far
    const bool is_more = text.size() > text_.size() || output_tokens_ > num_tokens;
    text_ = text;
    return is_more;
  }
  if (const Json* usage = find(*parsed, "usage")) {
    prompt_tokens_ = integer_or(*usage, "prompt_tokens", prompt_tokens_);
    output_tokens_ = integer_or(*usage, "completion_tokens", output_tokens_);
  }
  const Json* choices = find(*parsed, "choices");
  if (choices == nullptr || !choices->is_array() || choices->empty()) return false;
  const Json& choice = choices->front();
  const size_t num_bytes = text_.size();
  text_ += text_in(choice, "text");
  if (const Json* delta = find(choice, "delta")) {
    text_ += text_in(*delta, "reasoning_content");
    text_ += text_in(*delta, "content");
  }
  if (const Json* ids = find(choice, "token_ids"); ids != nullptr && !ids->empty()) return true;
  return text_.size() > num_bytes;
}

std::string error_of(int status, std::string_view body) {
  if (const auto parsed = parse_json(body); parsed.ok()) {
    if (const std::string message = error_message(*parsed); !message.empty()) {
      return fmt::format("status {}: {}", status, message);
    }
  }
  return fmt::format("status {}: {}", status, body.substr(0, 200));
}

}  // namespace braid::serving
