// The schemas of calls that must be made (forced_calls.h), and that calls made under them, or under strict_calls.h, can
// be read.
#include "braid/server/parsers/forced_calls.h"

#include <gtest/gtest.h>

#include "braid/formats/json.h"
#include "braid/server/parsers/strict_calls.h"
#include "tests/support/server/parsers/parsing.h"

namespace braid::parsers {
namespace {

using Mode = ToolChoice::Mode;

Json schema_of(const std::vector<ToolSpec>& tools, ToolChoice choice, bool parallel = true) {
  auto parsed = parse_json(forced_calls_schema(tools, choice, parallel));
  EXPECT_TRUE(parsed.ok());
  return parsed.ok() ? std::move(parsed).value() : Json();
}

const std::vector<ToolSpec> kTools = {
    {.name = "f", .parameters = R"({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})"},
    {.name = "g"}};

TEST(ForcedCalls, OneOrMoreOfAnyToolWhereACallIsRequired) {
  const Json schema = schema_of(kTools, {.mode = Mode::kRequired});
  EXPECT_EQ(schema["type"], "array");
  EXPECT_EQ(schema["minItems"], 1);
  const Json& calls = schema["items"]["anyOf"];
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls[0]["properties"].begin().key(), "name") << "the name comes first";
  EXPECT_EQ(calls[0]["properties"]["name"], Json({{"const", "f"}}));
  EXPECT_EQ(calls[0]["properties"]["arguments"], Json({{"$ref", "#/$defs/f"}}));
  EXPECT_EQ(calls[0]["required"], Json::array({"name", "arguments"}));
  EXPECT_EQ(calls[0]["additionalProperties"], false);
  EXPECT_EQ(schema["$defs"]["f"]["properties"]["a"]["type"], "integer");
  EXPECT_EQ(calls[1]["properties"]["arguments"]["additionalProperties"], false) << "g takes nothing";
}

TEST(ForcedCalls, ExactlyOneWithoutParallelCallsAndForANamedTool) {
  EXPECT_EQ(schema_of(kTools, {.mode = Mode::kRequired}, false)["anyOf"].size(), 2U);
  const Json named = schema_of(kTools, {.mode = Mode::kNamed, .name = "f"});
  EXPECT_EQ(named["properties"]["name"]["const"], "f");
  EXPECT_FALSE(named.contains("anyOf"));
  EXPECT_EQ(schema_of(kTools, {.mode = Mode::kNamed, .name = "g"})["properties"]["name"]["const"], "g");
}

TEST(ForcedCalls, ReferencesMoveWithTheirSchema) {
  const std::vector<ToolSpec> tools = {kTools[0], {.name = "r", .parameters = R"({
      "$id": "http://x/tool", "$schema": "s", "type": "object",
      "properties": {"$ref": {"$ref": "#/$defs/a~1b"}, "default": {"$ref": "#"}, "c": {"$ref": "http://x/tool#/$defs/a"},
                     "d": {"items": [{"$ref": "#here"}]}, "e": {"const": {"$ref": "#/x"}}, "f": {"$ref": "other"}},
      "$defs": {"a": {"$anchor": "here"}, "a/b": {}}})"}};
  const Json schema = schema_of(tools, {.mode = Mode::kRequired});
  const Json& moved = schema["$defs"]["r"];
  EXPECT_FALSE(moved.contains("$id") || moved.contains("$schema"));
  const Json& properties = moved["properties"];
  EXPECT_EQ(properties["$ref"]["$ref"], "#/$defs/r/$defs/a~1b");
  EXPECT_EQ(properties["default"]["$ref"], "#/$defs/r");
  EXPECT_EQ(properties["c"]["$ref"], "#/$defs/r/$defs/a");
  EXPECT_EQ(properties["d"]["items"][0]["$ref"], "#r.here");
  EXPECT_EQ(moved["$defs"]["a"]["$anchor"], "r.here");
  EXPECT_EQ(properties["e"]["const"]["$ref"], "#/x");
  EXPECT_EQ(properties["f"]["$ref"], "other");
}

TEST(ForcedCalls, OnlyListedArgumentsUnlessTheSchemaMentionsOthers) {
  const auto arguments = [](const std::string& parameters) {
    const std::vector<ToolSpec> tools = {{.name = "f", .parameters = parameters}};
    return schema_of(tools, {.mode = Mode::kRequired})["$defs"]["f"];
  };
  EXPECT_EQ(arguments(R"({"properties": {"a": {}}})"),
            Json({{"properties", {{"a", Json::object()}}}, {"type", "object"}, {"additionalProperties", false}}));
  EXPECT_EQ(arguments(R"({"properties": {}, "additionalProperties": {"type": "string"}})")["additionalProperties"],
            Json({{"type", "string"}}));
  EXPECT_FALSE(arguments(R"({"properties": {"a": {}}, "required": ["b"]})").contains("additionalProperties"));
  EXPECT_FALSE(arguments(R"({"type": "object"})").contains("additionalProperties"));
  EXPECT_EQ(arguments("{}"), Json({{"type", "object"}}));
}

// A value that matches the schemas of these tests.
std::string example(const Json& schema, const Json& root) {
  if (schema.contains("$ref")) {
    return example(root["$defs"][schema["$ref"].get<std::string>().substr(sizeof("#/$defs/") - 1)], root);
  }
  if (schema.contains("anyOf")) return example(schema["anyOf"][0], root);
  if (schema.contains("const")) return schema["const"].dump();
  if (schema["type"] == "array") return "[" + example(schema["items"], root) + "]";
  if (schema["type"] == "integer") return "7";
  std::string text = "{";
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [key, property] : properties.items()) {
    text += (text.size() > 1 ? ", \"" : "\"") + key + "\": " + example(property, root);
  }
  return text + "}";
}

TEST(ForcedCalls, EverythingTheSchemaAllowsIsReadAsCalls) {
  for (const bool parallel : {false, true}) {
    const Json schema = schema_of(kTools, {.mode = Mode::kRequired}, parallel);
    EXPECT_EQ(testing::parsed({.tools = ToolFormat::kForced}, example(schema, schema)), "[0 f {\"a\": 7}]");
  }
}

std::vector<ToolSpec> strict_tools() {
  std::vector<ToolSpec> tools = kTools;
  tools[0].is_strict = true;
  return tools;
}

TEST(StrictCalls, EverythingTheyAllowIsReadAsACall) {
  for (const ToolFormat format : {ToolFormat::kHermes, ToolFormat::kGranite, ToolFormat::kLlama3Json,
                                  ToolFormat::kMistral, ToolFormat::kDeepSeekV3, ToolFormat::kHarmony}) {
    const auto calls = strict_calls(format, strict_tools());
    ASSERT_FALSE(calls.empty()) << name_of(format);
    for (const StrictCall& call : calls) {
      auto schema = parse_json(call.schema);
      ASSERT_TRUE(schema.ok());
      const std::string value = example(*schema, *schema);
      for (const StrictCall::Begin& begin : call.begins) {
        if (begin.marker.starts_with(';')) continue;  // only between calls
        EXPECT_TRUE(value.starts_with(begin.json) || begin.json == "{\"name\":\"") << begin.json << " " << value;
        std::string text = begin.marker + value + call.end;
        if (format == ToolFormat::kHarmony) {
          text = (begin.marker.find("<|channel|>") == std::string::npos ? "<|channel|>commentary" : "") + text;
        } else if (begin.marker.starts_with("<｜tool▁sep｜>")) {
          text = "<｜tool▁call▁begin｜>function" + text;
        }
        const std::string line = testing::parsed({.tools = format}, text);
        EXPECT_TRUE(line == "[0 f {\"a\": 7}]" || line == "[0 g {}]")
            << name_of(format) << ": " << text << ": " << line;
      }
    }
  }
}

TEST(StrictCalls, ToolsThatAreNotStrictTakeAnyObject) {
  const auto calls = strict_calls(ToolFormat::kHermes, strict_tools());
  ASSERT_EQ(calls.size(), 1U);
  const auto schema = parse_json(calls[0].schema);
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ((*schema)["$defs"]["f"]["additionalProperties"], false);
  EXPECT_EQ((*schema)["$defs"]["g"], Json({{"type", "object"}}));
}

TEST(StrictCalls, EmptyIfNoToolIsStrict) {
  EXPECT_TRUE(strict_calls(ToolFormat::kHermes, kTools).empty());
  EXPECT_TRUE(strict_calls(ToolFormat::kQwen3Coder, kTools).empty());
  EXPECT_TRUE(strict_calls(ToolFormat::kNone, strict_tools()).empty());
}

}  // namespace
}  // namespace braid::parsers
