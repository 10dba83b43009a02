// What a model's output is made of, in the order in which it came.
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
    kCallBegin,      // a call of the tool `name`, number `call`, known as `id`
    kCallArguments,  // `text` of the arguments of call number `call`; all of a call's joined are JSON
  };
  Kind kind = Kind::kContent;
  std::string text = {};
  int32_t call = 0;  // from 0
  std::string id = {};
  std::string name = {};

  bool operator==(const Event&) const = default;
};

// Neighbours never are text of one kind (of one call).
using Events = std::vector<Event>;

// More text, joined to the last event where that is of the same kind.
void append_text(Events& events, Event::Kind kind, std::string_view text, int32_t call = 0);

}  // namespace braid::parsers
