// Calls that must be made. The output is generated under a grammar, so any model can do it: the whole text (after the
// thinking, if there is any) is JSON that matches forced_calls_schema(), and ToolFormat::kForced reads it.
//
//   [{"name": "get_weather", "arguments": {"city": "Paris"}}, …]      one call or more
//   {"name": "get_weather", "arguments": {"city": "Paris"}}           exactly one
#pragma once

#include <span>
#include <string>

#include "braid/server/parsers/tool_choice.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

// The JSON text of a schema. `tools` is not empty, and their parameters are JSON schemas as objects
// (read_tool_parameters of server/openai/parse/tools.h checks that). `choice` is kRequired or kNamed; a named tool is
// one of them. The schema allows exactly one call for a named tool and without `parallel`. Every tool's arguments must
// match its own schema, strict or not; references within it are kept.
std::string forced_calls_schema(std::span<const ToolSpec> tools, const ToolChoice& choice, bool parallel);

}  // namespace braid::parsers
