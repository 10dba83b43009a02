#include "braid/server/parsers/tool_set.h"

#include <gtest/gtest.h>

namespace braid::parsers {
namespace {

TEST(ToolSet, KindsOfHugeOrCircularSchemasAreAny) {
  std::string huge = R"({"properties": {"a": {"$ref": "#/$defs/x0"}}, "$defs": {)";
  for (int i = 0; i < 30; ++i) {
    const std::string next = "{\"$ref\": \"#/$defs/x" + std::to_string((i + 1) % 30) + "\"}";
    huge += "\"x" + std::to_string(i) + "\": {\"anyOf\": [" + next + "," + next + "," + next + "]},";
  }
  huge += "\"end\": {}}}";
  const std::vector<ToolSpec> tools = {{.name = "f", .parameters = huge},
                                       {.name = "g", .parameters = "{\"properties\": {\"a\": {\"type\": \"string\"}}}"},
                                       {.name = "h", .parameters = "not JSON"}};
  const ToolSet set(tools);
  EXPECT_EQ(set.kinds("f", "a"), kAnyValue);
  EXPECT_TRUE(set.knows("h") && !set.knows("i"));
  EXPECT_EQ(set.kinds("h", "a"), kAnyValue);
}

}  // namespace
}  // namespace braid::parsers
