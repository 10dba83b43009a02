// Reads the events of a complete stream of the server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/base/check.h"
#include "braid/formats/event_stream.h"
#include "braid/formats/json.h"

namespace braid::testing {

// Aborts unless the stream consists only of events and ends with [DONE]. [DONE] is returned last, as a string.
inline std::vector<Json> events_of(std::string_view stream) {
  EventStreamReader reader;
  std::vector<Json> events;
  std::string same;  // equals the stream if that has only events
  bool is_done = false;
  reader.push(stream, [&](std::string_view data) {
    CHECK(!is_done, "an event after [DONE]: {}", data);
    same.append("data: ").append(data).append("\n\n");
    is_done = data == "[DONE]";
    events.push_back(is_done ? Json("[DONE]") : Json::parse(data));
  });
  CHECK(same == stream, "more than events: {}", stream);
  CHECK(is_done, "no [DONE]: {}", stream);
  return events;
}

}  // namespace braid::testing
