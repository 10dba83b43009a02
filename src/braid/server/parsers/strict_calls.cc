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

// A schema of one call of any tool as a JSON object, or of a list of them.
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

// The value comes after the marker and one of these.
Begins behind(const std::string& marker, std::initializer_list<const char*> spaces, const std::string& json) {
  Begins begins = {{.marker = marker, .json = json}};
  for (const char* space : spaces) begins.push_back({.marker = marker + space, .json = ""});
  return begins;
}

grammar::TypeSet types_of(ValueKinds kinds) {
  constexpr std::pair<ValueKinds, grammar::TypeSet> kTypes[] = {
      {kStringValue, grammar::kString}, {kNumberValue, grammar::kNumber}, {kBooleanValue, grammar::kBoolean},
      {kNullValue, grammar::kNull},     {kArrayValue, grammar::kArray},   {kObjectValue, grammar::kObject}};
  grammar::TypeSet types = 0;
  for (const auto& [kind, type] : kTypes) {
    if ((kinds & kind) != 0) types |= type;
  }
  return types;
}

// A strict tool's call with its arguments between tags; adds its schema to `schemas`.
grammar::TaggedObject tagged_call(const ToolSpec& tool, const ToolSet& known, CallSchemas& schemas) {
  grammar::TaggedObject call;
  call.schema = "#/$defs/" + tool.name;
  if (tool.parameters.empty()) {
    schemas.arguments({.name = tool.name, .parameters = R"({"type": "object", "properties": {}})"});
    return call;
  }
  schemas.arguments(tool);
  for (const auto& [name, kinds] : known.parameters(tool.name)) call.kinds.emplace(name, types_of(kinds));
  return call;
}

// The outer tag may be missing.
std::vector<StrictCall> qwen3_coder_calls(std::span<const ToolSpec> tools) {
  const grammar::MemberTags tags{
      .key_open = "<parameter=", .key_close = ">", .value_open = "", .value_close = "</parameter>", .has_lines = true};
  const ToolSet known(tools);
  CallSchemas all;
  StrictCall whole{.begins = {{.marker = "<tool_call>"}}, .tagged = StrictCall::Tagged{.tags = tags}};
  std::vector<StrictCall> calls;
  for (const ToolSpec& tool : tools) {
    const std::string head = "<function=" + tool.name + ">";
    if (!tool.is_strict) {
      whole.tagged->objects.push_back({.begin = {"", head}, .end = {}});
      continue;
    }
    grammar::TaggedObject call = tagged_call(tool, known, all);
    call.begin = {"", head};
    call.end = {"</function>", "</tool_call>"};
    whole.tagged->objects.push_back(call);
    CallSchemas own;
    call = tagged_call(tool, known, own);
    call.begin = {""};
    call.end = {"</function>"};
    calls.push_back({.begins = {{.marker = head}},
                     .schema = own.document(Json::object()),
                     .tagged = StrictCall::Tagged{.objects = {std::move(call)}, .tags = tags}});
  }
  whole.schema = all.document(Json::object());
  calls.push_back(std::move(whole));
  return calls;
}

std::vector<StrictCall> glm45_calls(std::span<const ToolSpec> tools) {
  const ToolSet known(tools);
  CallSchemas schemas;
  StrictCall whole{.begins = {{.marker = "<tool_call>"}},
                   .tagged = StrictCall::Tagged{.tags = {.key_open = "<arg_key>",
                                                         .key_close = "</arg_key>",
                                                         .value_open = "<arg_value>",
                                                         .value_close = "</arg_value>"}}};
  for (const ToolSpec& tool : tools) {
    if (!tool.is_strict) {  // the name must be complete
      for (const char* next : {"\n", "<"}) {
        whole.tagged->objects.push_back({.begin = {"", tool.name + next}, .end = {}});
      }
      continue;
    }
    grammar::TaggedObject call = tagged_call(tool, known, schemas);
    call.begin = {"", tool.name};
    call.end = {"</tool_call>"};
    whole.tagged->objects.push_back(std::move(call));
  }
  whole.schema = schemas.document(Json::object());
  return {std::move(whole)};
}

}  // namespace

std::vector<StrictCall> strict_calls(ToolFormat format, std::span<const ToolSpec> tools) {
  if (std::ranges::none_of(tools, &ToolSpec::is_strict)) return {};
  std::vector<StrictCall> calls;
  switch (format) {
    case ToolFormat::kNone:
    case ToolFormat::kForced:
      break;
    case ToolFormat::kQwen3Coder:
      return qwen3_coder_calls(tools);
    case ToolFormat::kGlm45:
      return glm45_calls(tools);
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
