#include "braid/server/parsers/event.h"

namespace braid::parsers {

void append_text(Events& events, Event::Kind kind, std::string_view text, int32_t call) {
  if (text.empty()) return;
  if (events.empty() || events.back().kind != kind || events.back().call != call) {
    events.push_back({.kind = kind, .call = call});
  }
  events.back().text += text;
}

}  // namespace braid::parsers
