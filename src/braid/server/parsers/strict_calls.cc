#include "braid/server/parsers/strict_calls.h"

#include <algorithm>
#include <utility>

#include "braid/server/parsers/call_schema.h"

namespace braid::parsers {

namespace {

using Begins = std::vector<StrictCall::Begin>;

ToolSpec judged(const ToolSpec& tool) {
  if (tool.is_strict) return tool;
  return {.name = tool.name, .parameters = R"({"type": "object"})"};
}

// One call of any of the tools as a JSON object, or a list of them.
std::string object_schema(std::span<const ToolSpec> tools, const char* arguments_key, bool is_list) {
  CallSchemas schemas;
  Json calls = Json::array();
  for (const ToolSpec& tool : tools) calls.push_back(schemas.call(judged(tool), arguments_key));
  Json one = any_of(std::move(calls));
  if (!is_list) return schemas.document(std::move(one));
  return schemas.document({{"type", "array"}, {"items", std::move(one)}, {"minItems", 1}});
}

std::string arguments_schema(const ToolSpec& tool) {
  CallSchemas schemas;
  Json arguments = schemas.arguments(judged(tool));
  return schemas.document(std::move(arguments));
}

// The value stands behind the marker and one of these.
Begins behind(const std::string& marker, std::initializer_list<const char*> spaces, const std::string& json) {
  Begins begins = {{.marker = marker, .json = json}};
  for (const char* space : spaces) begins.push_back({.marker = marker + space, .json = ""});
  return begins;
}

}  // namespace

std::vector<StrictCall> strict_calls(ToolFormat format, std::span<const ToolSpec> tools) {
  if (std::ranges::none_of(tools, &ToolSpec::is_strict)) return {};
  std::vector<StrictCall> calls;
  switch (format) {
    case ToolFormat::kNone:
    case ToolFormat::kForced:
    case ToolFormat::kQwen3Coder:
    case ToolFormat::kGlm45:
      break;
    case ToolFormat::kHermes:
      calls.push_back({.begins = behind("<tool_call>", {"\n"}, "{"),
                       .schema = object_schema(tools, "arguments", false),
                       .end = "\n</tool_call>"});
      break;
    case ToolFormat::kGranite:
      calls.push_back(
          {.begins = behind("<|tool_call|>", {" ", "\n"}, "["), .schema = object_schema(tools, "arguments", true)});
      break;
    case ToolFormat::kLlama3Json: {
      const std::string schema = object_schema(tools, "parameters", false);
      // Any other object may be the answer itself.
      calls.push_back({.begins = {{.marker = "", .json = "{\"name\": \""}, {.marker = "", .json = "{\"name\":\""}},
                       .only_at_start = true,
                       .schema = schema});
      calls.push_back({.begins = behind("<|python_tag|>", {}, "{"), .schema = schema});
      calls.push_back({.begins = {{.marker = "; ", .json = "{\"name\": \""}, {.marker = ";", .json = "{\"name\":\""}},
                       .schema = schema});
      break;
    }
    case ToolFormat::kMistral:
      calls.push_back(
          {.begins = behind("[TOOL_CALLS]", {" "}, "["), .schema = object_schema(tools, "arguments", true)});
      for (const ToolSpec& tool : tools) {
        Begins begins = behind("[TOOL_CALLS]" + tool.name, {"[ARGS]"}, "{");
        calls.push_back({.begins = std::move(begins), .schema = arguments_schema(tool)});
      }
      break;
    case ToolFormat::kDeepSeekV3:
      for (const ToolSpec& tool : tools) {
        calls.push_back({.begins = {{.marker = "<｜tool▁sep｜>" + tool.name + "\n```json\n"}},
                         .schema = arguments_schema(tool),
                         .end = "\n```"});
        calls.push_back({.begins = {{.marker = "<｜tool▁call▁begin｜>" + tool.name + "<｜tool▁sep｜>", .json = "{"}},
                         .schema = arguments_schema(tool)});
      }
      break;
    case ToolFormat::kHarmony:
      for (const ToolSpec& tool : tools) {
        const std::string recipient = " to=functions." + tool.name;
        Begins begins;
        for (const char* rest :
             {"<|message|>", " <|constrain|>json<|message|>", "<|constrain|>json<|message|>", " json<|message|>",
              "<|channel|>commentary<|message|>", "<|channel|>commentary <|constrain|>json<|message|>",
              "<|channel|>commentary json<|message|>"}) {
          begins.push_back({.marker = recipient + rest});
        }
        calls.push_back({.begins = std::move(begins), .schema = arguments_schema(tool)});
      }
      break;
  }
  return calls;
}

}  // namespace braid::parsers
