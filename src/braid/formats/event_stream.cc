#include "braid/formats/event_stream.h"

namespace braid {

void EventStreamReader::push(std::string_view bytes, FunctionRef<void(std::string_view data)> on_event) {
  constexpr std::string_view kEnd = "\n\n";
  constexpr std::string_view kData = "data:";
  pending_ += bytes;
  size_t begin = 0;
  for (size_t end = pending_.find(kEnd); end != std::string::npos; end = pending_.find(kEnd, begin)) {
    std::string_view event = std::string_view(pending_).substr(begin, end - begin);
    begin = end + kEnd.size();
    if (!event.starts_with(kData)) continue;  // a comment, which keeps the connection alive
    event.remove_prefix(kData.size());
    while (event.starts_with(' ')) event.remove_prefix(1);
    on_event(event);
  }
  pending_.erase(0, begin);
}

}  // namespace braid
