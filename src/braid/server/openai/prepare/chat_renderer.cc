#include "braid/server/openai/prepare/chat_renderer.h"

#include <utility>

namespace braid::openai {

namespace {

// How well a template shows a tool call's arguments when it is given them as an object (true) or as text (false).
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
  // Text where an object was wanted comes out quoted once more, an object where text was wanted as Python writes it.
  const bool is_wrong =
      rendered->find("\\\"probe_key") != std::string::npos || rendered->find("'probe_key'") != std::string::npos;
  return is_wrong ? Shows::kWrongly : Shows::kWell;
}

}  // namespace

ChatRenderer::ChatRenderer(Render render, bool knows_developer)
    : render_(std::move(render)),
      knows_developer_(knows_developer),
      wants_argument_text_(try_arguments(render_, false) > try_arguments(render_, true)) {}

Result<std::string> ChatRenderer::prompt(const ChatRequest& request) const {
  Result<std::string> rendered = fail("not rendered");
  // The probe may have failed for reasons of its own: the other way is tried when the first one fails.
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
