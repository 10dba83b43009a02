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
       "tools[1].function.name is \"f\", as that of a tool before it"},
      {R"({"parallel_tool_calls": 1})", "parallel_tool_calls is 1: must be true or false"},
      {"{" + kTwo + R"(, "tool_choice": "any"})", "tool_choice is \"any\": must be \"none\", \"auto\""},
      {"{" + kTwo + R"(, "tool_choice": {"type": "function"}})", "tool_choice is {"},
      {"{" + kTwo + R"(, "tool_choice": {"type": "x", "function": {"name": "g"}}})", "tool_choice is {"},
      {"{" + kTwo + R"(, "tool_choice": {"type": "function", "function": {"name": "h\n"}}})",
       R"(tool_choice names the function "h\n", which is none of the 2 in tools)"},
      {R"({"tool_choice": "required"})", "tool_choice is \"required\", but there are no tools"},
      {R"({"tool_choice": 5})", "tool_choice is 5: must be"},
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
