// Reads tools, tool_choice and parallel_tool_calls of a chat request into plain structs; also functions and
// function_call, their deprecated forms. Tested by tools_test.cc.
#pragma once

#include <string_view>
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
  bool are_functions = false;  // the request has them as functions: a message has one function_call, no tool_calls
  Json for_template;           // the tools as the body has them, functions as tools; null without tools

  std::string_view name() const { return are_functions ? "functions" : "tools"; }  // of the body's parameter
};

// The first mistake becomes the reader's error.
ToolParameters read_tool_parameters(ParameterReader& reader);

}  // namespace braid::openai
