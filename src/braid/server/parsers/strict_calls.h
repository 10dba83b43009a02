// Calls that the model makes or not, as it likes, but whose arguments must obey their schema (tool_choice auto, a tool
// with "strict"): how the output must go on behind a call's marker, in the model's own format. All else in it is free.
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
  // When the output has come to a marker, and on to the bytes behind it, it goes on with the rest of a JSON value that
  // satisfies `schema`, then `end`; or with one of the tagged objects, whose schemas are in `schema`. And then it is
  // free again.
  std::vector<Begin> begins;
  bool only_at_start = false;  // of the output, behind the thinking
  std::string schema;          // JSON text
  std::string end;
  std::optional<Tagged> tagged = {};
};

// Tools that are not strict may be called with any arguments; if none is strict there is nothing to obey: empty.
std::vector<StrictCall> strict_calls(ToolFormat format, std::span<const ToolSpec> tools);

}  // namespace braid::parsers
