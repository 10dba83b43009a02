#include "braid/server/parsers/forced_calls.h"

#include <gtest/gtest.h>

#include "braid/formats/json.h"
#include "tests/support/server/parsers/parsing.h"
#include "tests/support/server/parsers/schema_example.h"

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

TEST(ForcedCalls, EverythingTheSchemaAllowsIsReadAsCalls) {
  for (const bool parallel : {false, true}) {
    const Json schema = schema_of(kTools, {.mode = Mode::kRequired}, parallel);
    EXPECT_EQ(testing::parsed({.tools = ToolFormat::kForced}, testing::example_of(schema, schema)), "[0 f {\"a\": 7}]");
  }
}

}  // namespace
}  // namespace braid::parsers
