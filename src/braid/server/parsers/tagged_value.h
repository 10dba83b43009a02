// Converts a parameter's value, which some models write as plain text between tags, to JSON. Tested by
// tagged_calls_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

// The JSON text for `text` as a value of one of `kinds`: a string, unless the text is JSON, or Python's True, False or
// None, of one of the other kinds.
std::string tagged_value_to_json(std::string_view text, ValueKinds kinds);

}  // namespace braid::parsers
