// Reads a text/event-stream (server-sent events): bytes in, the data of its events out.
#pragma once

#include <string>
#include <string_view>

#include "braid/base/function_ref.h"

namespace braid {

class EventStreamReader {
 public:
  // Takes the next bytes of the stream, in pieces of any size. Calls on_event with the data of each event that they
  // complete. Comments are skipped.
  void push(std::string_view bytes, FunctionRef<void(std::string_view data)> on_event);

  // Whether an event has begun and not ended.
  bool is_inside_event() const { return !pending_.empty(); }

 private:
  std::string pending_;  // the beginning of an event
};

}  // namespace braid
