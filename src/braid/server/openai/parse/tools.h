// Reads tools, tool_choice and parallel_tool_calls of a chat request into plain structs. Tested by tools_test.cc.
#pragma once

#include <vector>

#include "braid/server/openai/parse/parameter_reader.h"
#include "braid/server/parsers/tool_choice.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::openai {

inline constexpr size_t kMaxTools = 1024;

struct ToolParameters {
  // Names are unique. Parameters are JSON objects whose "type", if any, is "object"; whether they are a schema that can
  // be enforced is checked when it is compiled. Empty if tool_choice is none.
  std::vector<parsers::ToolSpec> tools;
  parsers::ToolChoice choice = {.mode = parsers::ToolChoice::Mode::kNone};  // kNone if and only if there are no tools
  bool parallel = true;
  Json for_template;  // the tools as the body has them; null without tools
};

// The first mistake becomes the reader's error.
ToolParameters read_tool_parameters(ParameterReader& reader);

}  // namespace braid::openai
