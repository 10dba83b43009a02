#include "braid/server/openai/parse/function_messages.h"

#include <fmt/core.h>

#include <utility>

namespace braid::openai {

void FunctionMessages::convert(Json& message, const std::string& where) {
  if (const Json* const call = member(message, "function_call")) {
    const Json* const name = call->is_object() ? member(*call, "name") : nullptr;
    if (name == nullptr || !name->is_string()) {
      return reader_.fail("messages", fmt::format("{}.function_call is {}: must be {{\"name\": …, \"arguments\": …}}",
                                                  where, json_excerpt(*call)));
    }
    if (member(message, "tool_calls") != nullptr) {
      return reader_.fail("messages", where + " has both function_call, which is deprecated, and tool_calls");
    }
    ++num_calls_;
    Json tool_call = {{"id", last_id()}, {"type", "function"}, {"function", *call}};
    message.erase("function_call");
    message["tool_calls"] = Json::array({std::move(tool_call)});
  }
  if (message["role"] == "function") {
    message["role"] = "tool";
    message["tool_call_id"] = last_id();
  }
}

// Of nine characters: Mistral's templates take no other ids.
std::string FunctionMessages::last_id() const {
  return fmt::format("call{:05}", num_calls_);
}

}  // namespace braid::openai
