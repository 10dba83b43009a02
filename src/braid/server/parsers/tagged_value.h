// A parameter's value as plain text between tags, as some models write it, to JSON.
#pragma once

#include <string>
#include <string_view>

#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

// The JSON text for `text` as a value of one of `kinds`. A string unless the text is JSON, or Python's True, False or
// None, of one of the other kinds.
std::string tagged_value_to_json(std::string_view text, ValueKinds kinds);

}  // namespace braid::parsers
