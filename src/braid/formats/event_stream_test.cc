#include "braid/formats/event_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace braid {
namespace {

TEST(EventStreamReader, FindsTheSameEventsHoweverTheBytesArrive) {
  const std::string stream = ": waiting\n\ndata: {\"a\": \"b\\n\\nc\"}\n\ndata:two\n\n\n\ndata: [DONE]\n\n";
  for (const size_t step : {size_t{1}, size_t{7}, stream.size()}) {
    EventStreamReader reader;
    std::vector<std::string> events;
    for (size_t i = 0; i < stream.size(); i += step) {
      reader.push(std::string_view(stream).substr(i, step), [&](std::string_view data) { events.emplace_back(data); });
    }
    EXPECT_EQ(events, (std::vector<std::string>{"{\"a\": \"b\\n\\nc\"}", "two", "[DONE]"})) << "in pieces of " << step;
    EXPECT_FALSE(reader.is_inside_event());
  }
}

TEST(EventStreamReader, AnEventWithoutItsEndIsNotRead) {
  EventStreamReader reader;
  int num_events = 0;
  reader.push("data: one\n\ndata: two\n", [&](std::string_view) { ++num_events; });
  EXPECT_EQ(num_events, 1);
  EXPECT_TRUE(reader.is_inside_event());
}

}  // namespace
}  // namespace braid
