// Calls that must be made. The output is then produced under a grammar, which any model can follow: the whole text
// (behind the thinking, if there is any) is JSON that obeys forced_calls_schema(), and ToolFormat::kForced reads it.
//
//   [{"name": "get_weather", "arguments": {"city": "Paris"}}, …]      one call or more
//   {"name": "get_weather", "arguments": {"city": "Paris"}}           exactly one
#pragma once

#include <span>
#include <string>

#include "braid/server/parsers/tool_choice.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

// The JSON text of a schema. `tools` are not empty, their parameters JSON schemas as objects (read_tool_parameters of
// server/openai/parse/tools.h checks that); `choice` is forced, and names one of them if it names any. Exactly one call
// for a named tool and without `parallel`. Every tool's arguments obey its own schema, strict or not; references within
// it are kept.
std::string forced_calls_schema(std::span<const ToolSpec> tools, const ToolChoice& choice, bool parallel);

}  // namespace braid::parsers
