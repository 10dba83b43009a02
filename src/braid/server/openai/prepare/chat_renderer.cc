#include "braid/server/openai/prepare/chat_renderer.h"

#include <string_view>
#include <utility>

namespace braid::openai {

namespace {

constexpr std::string_view kMark = "CONTINUE_FINAL_MESSAGE_TAG ";

void set_style(Json& arguments, ArgumentStyle style) {
  if (style == ArgumentStyle::kObject && arguments.is_string()) {
    auto parsed = parse_json(arguments.get_ref<const std::string&>());
    if (parsed.ok() && parsed->is_object()) arguments = *std::move(parsed);
  } else if (style == ArgumentStyle::kText && arguments.is_object()) {
    arguments = arguments.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
}

// How well a template renders a tool call's arguments, passed as an object or as text.
enum class Shows { kNothing, kWrongly, kWell };

Shows try_arguments(const ChatRenderer::Render& render, bool as_object) {
  const Json arguments = {{"probe_key", "probe_value"}};
  const Json call = {{"id", "call00001"},
                     {"type", "function"},
                     {"function", {{"name", "probe"}, {"arguments", as_object ? arguments : Json(arguments.dump())}}}};
  const Json function = {{"name", "probe"}, {"description", ""}, {"parameters", {{"type", "object"}}}};
  Json messages = Json::array({{{"role", "user"}, {"content", "x"}}});
  messages.push_back({{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({call})}});
  Json tools = Json::array();
  tools.push_back({{"type", "function"}, {"function", function}});
  const auto rendered = render({{"messages", std::move(messages)}, {"tools", std::move(tools)}});
  if (!rendered.ok() || rendered->find("probe_key") == std::string::npos) return Shows::kNothing;
  // A template that wants an object quotes text once more; one that wants text prints an object as Python does.
  const bool is_wrong =
      rendered->find("\\\"probe_key") != std::string::npos || rendered->find("'probe_key'") != std::string::npos;
  return is_wrong ? Shows::kWrongly : Shows::kWell;
}

}  // namespace

Json template_variables(const ChatRequest& request, ArgumentStyle style) {
  Json variables = request.template_variables;
  variables["messages"] = request.messages;
  variables["tools"] = request.tools.for_template;
  variables["add_generation_prompt"] = request.add_generation_prompt;
  for (Json& message : variables["messages"]) {
    const auto calls = message.find("tool_calls");
    if (calls == message.end() || !calls->is_array()) continue;
    for (Json& call : *calls) {
      if (!call.is_object() || !call.contains("function") || !call["function"].is_object()) continue;
      Json& function = call["function"];
      if (function.contains("arguments")) set_style(function["arguments"], style);
    }
  }
  return variables;
}

// As transformers does it: marks the final message, and cuts the prompt at the mark.
void mark_final_message(Json& variables) {
  Json& content = variables["messages"].back()["content"];
  content = content.get<std::string>() + std::string(kMark);
}

Result<std::string> cut_at_mark(std::string rendered) {
  const std::string_view bare = kMark.substr(0, kMark.size() - 1);
  const size_t at = rendered.rfind(bare);
  if (at == std::string::npos) return fail("the chat template drops the final message, so it cannot be continued");
  const bool keeps_space = std::string_view(rendered).substr(at).starts_with(kMark);
  rendered.resize(at);
  if (!keeps_space) {
    while (!rendered.empty() && std::string_view(" \t\r\n\f\v").find(rendered.back()) != std::string_view::npos)
      rendered.pop_back();
  }
  return rendered;
}

ChatRenderer::ChatRenderer(Render render, bool knows_developer)
    : render_(std::move(render)),
      knows_developer_(knows_developer),
      wants_argument_text_(try_arguments(render_, false) > try_arguments(render_, true)) {}

Result<std::string> ChatRenderer::prompt(const ChatRequest& request) const {
  Result<std::string> rendered = fail("not rendered");
  // The probe may have failed for another reason, so the other style is tried if the first one fails.
  for (const bool as_text : {wants_argument_text_, !wants_argument_text_}) {
    Json variables = template_variables(request, as_text ? ArgumentStyle::kText : ArgumentStyle::kObject);
    if (!knows_developer_) {
      for (Json& message : variables["messages"]) {
        if (message["role"] == "developer") message["role"] = "system";
      }
    }
    if (request.continue_final_message) mark_final_message(variables);
    auto attempt = render_(variables);
    if (attempt.ok()) {
      if (!request.continue_final_message) return attempt;
      return cut_at_mark(*std::move(attempt));
    }
    if (as_text == wants_argument_text_) rendered = std::move(attempt);
  }
  return rendered;
}

}  // namespace braid::openai
