// tools, tool_choice and parallel_tool_calls of a chat request as validated plain structs.
#pragma once

#include <vector>

#include "braid/server/openai/parse/parameter_reader.h"
#include "braid/server/parsers/tool_choice.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::openai {

inline constexpr size_t kMaxTools = 1024;

struct ToolParameters {
  // Each with its own name; parameters a JSON object without a "type" other than "object". Whether they are a schema
  // that can be obeyed is judged where it is compiled. Empty also where tool_choice is none.
  std::vector<parsers::ToolSpec> tools;
  parsers::ToolChoice choice = {.mode = parsers::ToolChoice::Mode::kNone};  // kNone exactly without tools
  bool parallel = true;
  Json for_template;  // the tools as they came; null without any
};

// The first thing that is wrong becomes the reader's error.
ToolParameters read_tool_parameters(ParameterReader& reader);

}  // namespace braid::openai
