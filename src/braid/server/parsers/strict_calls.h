// Calls that the model may make or not, but whose arguments must match their schema (tool_choice auto, a tool with
// "strict"). Says how the output must continue after a call's marker, in the model's own format. All other text is
// free.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/grammar/json/tagged_objects.h"
#include "braid/server/parsers/format.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

struct StrictCall {
  struct Begin {
    std::string marker;  // its tokens may be special ones
    std::string json;    // the first bytes of the value
  };
  // Arguments between tags of their own.
  struct Tagged {
    std::vector<grammar::TaggedObject> objects;
    grammar::MemberTags tags;
  };
  // After a marker and the bytes that follow it, the output continues with the rest of a JSON value that matches
  // `schema`, then `end`; or with one of the tagged objects, whose schemas are in `schema`. After that it is free
  // again.
  std::vector<Begin> begins;
  bool only_at_start = false;  // of the output, after the thinking
  std::string schema;          // JSON text
  std::string end;
  std::optional<Tagged> tagged = {};
};

// Tools that are not strict may be called with any arguments. Empty if no tool is strict.
std::vector<StrictCall> strict_calls(ToolFormat format, std::span<const ToolSpec> tools);

}  // namespace braid::parsers
