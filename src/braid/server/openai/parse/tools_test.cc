#include "braid/server/openai/parse/tools.h"

#include <gtest/gtest.h>

namespace braid::openai {
namespace {

using Mode = parsers::ToolChoice::Mode;

struct Read {
  ToolParameters parameters;
  std::string param;  // of the error, or empty
  std::string message;
};

Read read(const std::string& body) {
  const auto json = parse_json(body);
  EXPECT_TRUE(json.ok()) << body;
  ParameterReader reader(*json);
  Read result{.parameters = read_tool_parameters(reader)};
  if (reader.error()) {
    result.param = reader.error()->param;
    result.message = reader.error()->message;
  }
  return result;
}

const std::string kTwo =
    R"("tools": [{"type": "function", "function": {"name": "get_it-2", "description": "d", "strict": true,
    "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}}, {"function": {"name": "g"}}])";

TEST(ToolParameters, ReadTools) {
  const auto [parameters, param, message] = read("{" + kTwo + "}");
  ASSERT_EQ(message, "");
  ASSERT_EQ(parameters.tools.size(), 2U);
  EXPECT_EQ(parameters.tools[0].name, "get_it-2");
  EXPECT_TRUE(parameters.tools[0].is_strict);
  EXPECT_EQ(parameters.tools[0].parameters, R"({"type":"object","properties":{"a":{"type":"string"}}})");
  EXPECT_EQ(parameters.tools[1].parameters, "");
  EXPECT_FALSE(parameters.tools[1].is_strict);
  EXPECT_EQ(parameters.choice.mode, Mode::kAuto);
  EXPECT_TRUE(parameters.parallel);
  EXPECT_EQ(parameters.for_template.size(), 2U);
}

TEST(ToolParameters, HaveNoToolsIfTheChoiceIsNone) {
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"tools": null, "tool_choice": null})"), std::string(R"({"tools": []})"),
        std::string(R"({"tool_choice": "auto"})"), std::string(R"({"tools": [], "tool_choice": "none"})"),
        "{" + kTwo + R"(, "tool_choice": "none"})"}) {
    const auto [parameters, param, message] = read(body);
    EXPECT_EQ(message, "");
    EXPECT_TRUE(parameters.tools.empty() && parameters.for_template.is_null()) << body;
    EXPECT_EQ(parameters.choice.mode, Mode::kNone) << body;
  }
}

TEST(ToolParameters, ReadTheChoice) {
  EXPECT_EQ(read("{" + kTwo + R"(, "tool_choice": "required", "parallel_tool_calls": false})").parameters.choice.mode,
            Mode::kRequired);
  EXPECT_FALSE(read("{" + kTwo + R"(, "parallel_tool_calls": false})").parameters.parallel);
  const auto named = read("{" + kTwo + R"(, "tool_choice": {"type": "function", "function": {"name": "g"}}})");
  EXPECT_EQ(named.parameters.choice, (parsers::ToolChoice{.mode = Mode::kNamed, .name = "g"}));
}

TEST(ToolParameters, FunctionsAreToolsOfWhichOneIsCalled) {
  const std::string functions = R"("functions": [{"name": "f", "description": "d", "parameters": {}}, {"name": "g"}])";
  const auto automatic = read("{" + functions + R"(, "parallel_tool_calls": true})").parameters;
  ASSERT_EQ(automatic.tools.size(), 2U);
  EXPECT_EQ(automatic.tools[0].name, "f");
  EXPECT_EQ(automatic.tools[0].parameters, "{}");
  EXPECT_TRUE(automatic.are_functions);
  EXPECT_FALSE(automatic.parallel);
  EXPECT_EQ(automatic.choice.mode, Mode::kAuto);
  EXPECT_EQ(automatic.for_template[1], Json::parse(R"({"type": "function", "function": {"name": "g"}})"));
  EXPECT_EQ(read("{" + functions + R"(, "function_call": {"name": "g"}})").parameters.choice,
            (parsers::ToolChoice{.mode = Mode::kNamed, .name = "g"}));
  // One of the two kinds, if both are there.
  const auto none = read("{" + functions + R"(, "function_call": "none"})").parameters;
  EXPECT_TRUE(none.tools.empty() && !none.are_functions);
  const auto tools = read("{" + functions + ", " + kTwo + R"(, "function_call": "none"})").parameters;
  EXPECT_TRUE(tools.tools.size() == 2 && !tools.are_functions && tools.parallel);
  const auto chosen = read("{" + functions + ", " + kTwo + R"(, "tool_choice": "none"})").parameters;
  EXPECT_TRUE(chosen.tools.size() == 2 && chosen.are_functions);
  EXPECT_EQ(read("{" + functions + ", " + kTwo + "}").param, "functions");
}

TEST(ToolParameters, ErrorNamesTheWrongPart) {
  const auto tool = [](const std::string& function) { return R"({"tools": [{"function": )" + function + "}]}"; };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"tools": {}})", "tools is {}: must be a list of at most 1024 tools"},
      {R"({"tools": [5]})", R"(tools[0] is 5: must be {"type": "function", "function": {"name": …}})"},
      {R"({"tools": [{"type": "custom", "function": {"name": "f"}}]})", "tools[0] is "},
      {tool("null"), "tools[0] is "},
      {tool("{}"), "tools[0].function.name is missing"},
      {tool(R"({"name": "a b"})"), R"(tools[0].function.name is "a b": must be 1 to 64 letters, digits, _ and -)"},
      {tool(R"({"name": ""})"), "tools[0].function.name is \"\""},
      {tool(R"({"name": 5})"), "tools[0].function.name is 5"},
      {tool("{\"name\": \"" + std::string(65, 'a') + "\"}"), "tools[0].function.name is \"aaa"},
      {tool(R"({"name": "f", "description": 5})"), "tools[0].function.description is 5: must be a string"},
      {tool(R"({"name": "f", "strict": "yes"})"), "tools[0].function.strict is \"yes\": must be true or false"},
      {tool(R"({"name": "f", "parameters": []})"), "tools[0].function.parameters is []: must be a JSON schema"},
      {tool(R"({"name": "f", "parameters": {"type": "string"}})"),
       R"(tools[0].function.parameters.type is "string": must be "object")"},
      {R"({"tools": [{"function": {"name": "f"}}, {"function": {"name": "f"}}]})",
       "tools[1].function.name is \"f\", as that of one before it"},
      {R"({"parallel_tool_calls": 1})", "parallel_tool_calls is 1: must be true or false"},
      {"{" + kTwo + R"(, "tool_choice": "any"})", "tool_choice is \"any\": must be \"none\", \"auto\""},
      {"{" + kTwo + R"(, "tool_choice": {"type": "function"}})", "tool_choice is {"},
      {"{" + kTwo + R"(, "tool_choice": {"type": "x", "function": {"name": "g"}}})", "tool_choice is {"},
      {"{" + kTwo + R"(, "tool_choice": {"type": "function", "function": {"name": "h\n"}}})",
       R"(tool_choice names the function "h\n", which is none of the 2 in tools)"},
      {R"({"tool_choice": "required"})", "tool_choice is \"required\", but there are no tools"},
      {R"({"tool_choice": 5})", "tool_choice is 5: must be"},
      {R"({"functions": {}})", "functions is {}: must be a list of at most 1024 functions"},
      {R"({"functions": [5]})", R"(functions[0] is 5: must be {"name": …})"},
      {R"({"functions": [{}]})", "functions[0].name is missing"},
      {R"({"functions": [{"name": "a b"}]})", R"(functions[0].name is "a b": must be 1 to 64 letters)"},
      {R"({"functions": [{"name": "f"}, {"name": "f"}]})", "functions[1].name is \"f\", as that of one before it"},
      {R"({"functions": [{"name": "f", "parameters": 5}]})", "functions[0].parameters is 5: must be a JSON schema"},
      {R"({"functions": [{"name": "f"}], "function_call": "required"})",
       R"(function_call is "required": must be "none", "auto" or {"name": …})"},
      {R"({"functions": [{"name": "f"}], "function_call": {"name": "h"}})",
       R"(function_call names the function "h", which is none of the 1 in functions)"},
      {R"({"function_call": {"name": "h"}})", R"(function_call is {"name":"h"}, but there are no functions)"},
  };
  for (const auto& [body, message] : cases) {
    const Read result = read(body);
    EXPECT_TRUE(result.message.starts_with(message)) << body << ": " << result.message;
    EXPECT_TRUE(result.message.starts_with(result.param)) << result.param;
    EXPECT_FALSE(result.param.empty());
  }
}

}  // namespace
}  // namespace braid::openai
