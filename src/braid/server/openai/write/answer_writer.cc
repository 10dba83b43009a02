#include "braid/server/openai/write/answer_writer.h"

namespace braid::openai {

std::string to_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_event(const Json& data) {
  return text_to_event(to_text(data));
}

std::string text_to_event(std::string_view json) {
  std::string event = "data: ";
  event.append(json).append("\n\n");
  return event;
}

std::string done_event() {
  return "data: [DONE]\n\n";
}

std::string failure_events(const ApiError& error) {
  return to_event(to_json(error)) + done_event();
}

}  // namespace braid::openai
