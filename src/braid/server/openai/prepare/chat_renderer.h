// Renders a chat request's prompt with the model's chat template. Tested by chat_renderer_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/server/openai/parse/requests.h"

namespace braid::openai {

// How a template takes the arguments of a tool call, whichever way the request has them: each template needs one of
// the two.
enum class ArgumentStyle : uint8_t { kObject, kText };

// The variables of the chat template.
Json template_variables(const ChatRequest& request, ArgumentStyle style);

// For continue_final_message. mark_final_message() marks the last message in the variables; cut_at_mark() cuts the
// rendered prompt there, so that it ends with the message, without what the template puts behind it.
void mark_final_message(Json& variables);
Result<std::string> cut_at_mark(std::string rendered);

class ChatRenderer {
 public:
  using Render = std::function<Result<std::string>(const Json& variables)>;

  // `render`: the template. It is called in the constructor, to find out whether the template takes a tool call's
  // arguments as an object or as text, and later from several threads. `knows_developer`: the template has a
  // "developer" role; otherwise a developer's message is rendered as the system's.
  ChatRenderer(Render render, bool knows_developer);

  // The prompt contains its special tokens: encode it without adding any.
  Result<std::string> prompt(const ChatRequest& request) const;

 private:
  Render render_;
  bool knows_developer_;
  bool wants_argument_text_;
};

}  // namespace braid::openai
