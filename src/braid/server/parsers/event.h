// The parts of a model's output, in their order. Tested by random_outputs_test.cc and json_calls_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace braid::parsers {

struct Event {
  enum class Kind : uint8_t {
    kContent,        // `text`: what the user reads
    kReasoning,      // `text`: the model's thinking
    kCallBegin,      // a call of the tool `name`, with number `call` and id `id`
    kCallArguments,  // `text` of the arguments of call number `call`; joined, a call's texts are JSON
  };
  Kind kind = Kind::kContent;
  std::string text = {};
  int32_t call = 0;  // from 0
  std::string id = {};
  std::string name = {};

  bool operator==(const Event&) const = default;
};

// No two neighbours are text of the same kind (and the same call).
using Events = std::vector<Event>;

// Adds text: to the last event if it is of the same kind, else as a new one.
void append_text(Events& events, Event::Kind kind, std::string_view text, int32_t call = 0);

}  // namespace braid::parsers
