#include "braid/grammar/json/schema_keywords.h"

#include <gtest/gtest.h>

namespace braid::grammar {
namespace {

std::string refusal(const char* schema) {
  const auto status = check_strict_schema(*parse_json(schema));
  return status.ok() ? "" : status.error().message;
}

TEST(SchemaKeywords, StrictSchemasHaveNoUnknownKeywords) {
  EXPECT_EQ(refusal(R"({"type":"object","properties":{"madeUp":{"type":"string","format":"date","x-order":1}},
                        "enum":[{"madeUp":1}],"default":{"madeUp":1}})"),
            "");
  EXPECT_NE(refusal(R"({"properties":{"a":{"items":{"madeUp":1}}}})").find("#/properties/a/items: \"madeUp\""),
            std::string::npos);
  EXPECT_NE(refusal(R"({"anyOf":[{},{"not":{"additonalProperties":false}}]})").find("(\"additionalProperties\" is)"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"$defs":{"a":{"format":"made-up"}}})").find("\"made-up\" is not supported"), std::string::npos);
  EXPECT_EQ(refusal(R"({"format":"int32"})"), "");
  EXPECT_EQ(refusal("true"), "");
}

TEST(SchemaKeywords, NearMissesAreNamed) {
  const auto messages = near_misses(*parse_json(
      R"({"additonalProperties":false,"require":["a"],"MinLength":3,"maxlenght":2,"javaType":"T","version":1,"self":{},
          "properties":{"requird":{"tpye":"string"}}})"));
  ASSERT_EQ(messages.size(), 5U);
  EXPECT_EQ(
      messages[0],
      "schema #: \"additonalProperties\" is ignored, as every unknown keyword is: is \"additionalProperties\" meant?");
  EXPECT_NE(messages[4].find("#/properties/requird: \"tpye\""), std::string::npos);
}

}  // namespace
}  // namespace braid::grammar
