#include "braid/server/openai/parse/structured_output.h"

#include <gtest/gtest.h>

#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using testing::completion;

TEST(StructuredOutput, ReadsEveryParameterThatAsksForAForm) {
  const auto shape = [](const std::string& members) {
    return completion(R"({"prompt":"x",)" + members + "}").common.structured_output;
  };
  EXPECT_EQ(shape(R"("response_format":{"type":"text"})"), StructuredOutput());
  EXPECT_EQ(shape(R"("response_format":{"type":"json_object"})"), StructuredOutput(AnyJsonObject()));
  EXPECT_EQ(shape(R"("response_format":{"type":"json_schema","json_schema":{"name":"s","schema":{"type":"null"}}})"),
            StructuredOutput(JsonSchema{R"({"type":"null"})"}));
  EXPECT_EQ(shape(R"("response_format":{"type":"json_schema","json_schema":{"strict":true,"schema":{"type":"null"}}})"),
            StructuredOutput(JsonSchema{R"({"type":"null"})", true}));
  EXPECT_EQ(shape(R"("regex":"a+")"), StructuredOutput(RegexPattern{"a+"}));
  EXPECT_EQ(shape(R"("ebnf":"root ::= \"a\"")"), StructuredOutput(EbnfGrammar{"root ::= \"a\""}));
  EXPECT_EQ(shape(R"("structured_outputs":{"choice":["a","b"],"json":null})"), StructuredOutput(OneOf{{"a", "b"}}));
  EXPECT_EQ(shape(R"("structured_outputs":{"json_object":true})"), StructuredOutput(AnyJsonObject()));
  EXPECT_EQ(shape(R"("structured_outputs":{"json_object":false})"), StructuredOutput());
  EXPECT_EQ(shape(R"("structured_outputs":{"grammar":"g"})"), StructuredOutput(EbnfGrammar{"g"}));
  EXPECT_EQ(shape(R"("guided_json":"{\"type\":\"null\"}")"), StructuredOutput(JsonSchema{R"({"type":"null"})"}));
  EXPECT_EQ(shape(R"("guided_json":true)"), StructuredOutput(JsonSchema{"true"}));
  EXPECT_EQ(shape(R"("guided_regex":"[0-9]")"), StructuredOutput(RegexPattern{"[0-9]"}));
  EXPECT_EQ(shape(R"("guided_grammar":null)"), StructuredOutput());
}

}  // namespace
}  // namespace braid::openai
