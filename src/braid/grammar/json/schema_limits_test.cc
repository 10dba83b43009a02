// Schemas that are each large in one respect. They are compiled or refused with a reason; time and memory grow no
// faster than the schema.
#include <gtest/gtest.h>

#include <functional>

#include "braid/tokenizer/unicode/utf8.h"
#include "tests/support/grammar/byte_tokenizer.h"
#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::accepts;

std::string joined(int count, const std::function<std::string(int)>& part) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i == 0 ? "" : ",") + part(i);
  return text;
}

std::string ideograph(int number) {
  std::string text;
  unicode::append_code_point(0x4E00 + static_cast<char32_t>(number), text);
  return text;
}

class SchemaLimits : public ::testing::Test {
 protected:
  const testing::ByteTokenizer tokenizer_;
  GrammarCompiler compiler_{tokenizer_};

  void expect_refusal(const std::string& schema, const std::string& reason) {
    const auto grammar = compiler_.json_schema(*parse_json(schema));
    ASSERT_FALSE(grammar.ok());
    EXPECT_NE(grammar.error().message.find(reason), std::string::npos) << grammar.error().message;
  }
};

TEST_F(SchemaLimits, NamesOutOfThousandsOfCharactersAreRefusedBeforeTheyFillMemory) {
  const std::string names = joined(20'000, [](int i) { return "\"" + ideograph(i) + R"(":{"type":"null"})"; });
  expect_refusal(R"({"type":"object","additionalProperties":{"type":"null"},"properties":{)" + names + "}}",
                 "different characters");
}

TEST_F(SchemaLimits, AClosedObjectNeedsNoAutomatonOfItsNames) {
  const auto names = [](const std::function<std::string(std::string)>& part) {
    return joined(5000, [&](int i) { return part("\"" + ideograph(i) + "\""); });
  };
  const std::string required = names([](const std::string& name) { return name; });
  const std::string members = names([](const std::string& name) { return name + R"(:{"type":"null"})"; });
  const auto grammar =
      compiler_.json_schema(*parse_json(R"({"type":"object","additionalProperties":false,"required":[)" + required +
                                        R"(],"properties":{)" + members + "}}"));
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, "{" + names([](const std::string& name) { return name + ":null"; }) + "}"));
}

TEST_F(SchemaLimits, PatternsShareOneBoundOnWork) {
  const std::string branches =
      joined(200, [](int i) { return R"({"type":"string","pattern":"^)" + ideograph(i) + R"((a|b)*a(a|b){11}$"})"; });
  expect_refusal(R"({"oneOf":[)" + branches + "]}", "too much work together");
}

TEST_F(SchemaLimits, SetsOfCharactersThatAllOverlapAreRefused) {
  std::string pattern;
  for (int i = 0; i < 6000; ++i) pattern += "[^" + ideograph(2 * i) + ideograph(2 * i + 1) + "]";
  expect_refusal(R"({"type":"string","maxLength":9000,"pattern":")" + pattern + "\"}", "too much work together");
}

TEST_F(SchemaLimits, LongTextsOfAPatternAreCounted) {
  const auto grammar = compiler_.json_schema(*parse_json(
      R"({"type":"string","pattern":"^[a-z]+(-[a-z]+)*(\\.[a-z]{1,20})?$","minLength":3,"maxLength":20000})"));
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, "\"" + std::string(200, 'a') + "-b.c\""));
  EXPECT_TRUE(accepts(*grammar, "\"" + std::string(20'000, 'a') + "\""));
  EXPECT_FALSE(accepts(*grammar, "\"" + std::string(20'001, 'a') + "\""));
  EXPECT_FALSE(accepts(*grammar, R"("ab")"));
  EXPECT_FALSE(accepts(*grammar, R"("abc-")"));
}

TEST_F(SchemaLimits, PatternsAreToldApartWithoutTheirLengths) {
  const auto compile = [&](int max) {
    return compiler_.json_schema(*parse_json(
        fmt::format(R"({{"oneOf":[{{"type":"string","minLength":5,"maxLength":{0},"pattern":"^arn:[a-z:]*$"}},)"
                    R"({{"type":"string","maxLength":{0},"pattern":"^(http|ftp)://.*$"}},)"
                    R"({{"type":"string","maxLength":{0},"minLength":{0},"pattern":"^!.*$"}}]}})",
                    max)));
  };
  const auto grammar = compile(30'000);
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_EQ((*grammar)->num_states(), (*compile(300))->num_states());
  EXPECT_TRUE(accepts(*grammar, "\"arn:" + std::string(29'996, 'a') + "\""));
  EXPECT_FALSE(accepts(*grammar, "\"ftp://" + std::string(29'995, 'a') + "\""));
}

TEST_F(SchemaLimits, ABoundOfAllPropertyNamesIsCounted) {
  const auto compile = [&](int max) {
    return compiler_.json_schema(*parse_json(fmt::format(
        R"({{"type":"object","propertyNames":{{"maxLength":{},"anyOf":[{{"pattern":"^[a-z]+$","minLength":2}},)"
        R"({{"pattern":"[*?]"}}]}},"additionalProperties":{{"type":"null"}}}})",
        max)));
  };
  const auto grammar = compile(5000);
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_EQ((*grammar)->num_states(), (*compile(50))->num_states());
  EXPECT_TRUE(accepts(*grammar, "{\"*" + std::string(4999, 'a') + "\":null}"));
  EXPECT_FALSE(accepts(*grammar, "{\"*" + std::string(5000, 'a') + "\":null}"));
  EXPECT_FALSE(accepts(*grammar, R"({"a":null})"));
}

// Each name is reached from every member before it, and its states are there once.
TEST_F(SchemaLimits, StatesAreLinearInOptionalMembers) {
  const auto num_states = [&](int num_members) {
    Json properties = Json::object();
    for (int i = 0; i < num_members; ++i) properties[fmt::format("{}_of_this_long_name", i * 7919 % 1000)] = true;
    const auto grammar = compiler_.json_schema({{"type", "object"}, {"properties", properties}});
    EXPECT_TRUE(grammar.ok());
    return static_cast<double>((*grammar)->num_states());
  };
  EXPECT_LT(num_states(200) - num_states(100), 1.2 * (num_states(100) - num_states(1)));
}

TEST_F(SchemaLimits, APatternIsCompiledOnceForAllTexts) {
  const std::string texts = joined(10'000, [](int i) { return fmt::format("\"a{}\"", i); });
  const auto listed = compiler_.json_schema(
      *parse_json(R"({"enum":[)" + texts + R"(,"abbbbbbbbbb"],"pattern":"^(a|b)*a(a|b){9,10}$"})"));
  ASSERT_TRUE(listed.ok()) << listed.error().message;
  EXPECT_TRUE(accepts(*listed, R"("abbbbbbbbbb")"));
  EXPECT_FALSE(accepts(*listed, R"("a7")"));

  const std::string names = joined(2000, [](int i) { return fmt::format(R"("b{}":{{"type":"null"}})", i); });
  const auto named = compiler_.json_schema(*parse_json(R"({"type":"object","properties":{)" + names +
                                                       R"(},"patternProperties":{"^(a|b)*a(a|b){9}$":false}})"));
  ASSERT_TRUE(named.ok()) << named.error().message;
  EXPECT_TRUE(accepts(*named, R"({"b7":null,"b1999":null})"));
}

TEST_F(SchemaLimits, NumbersShareOneBoundOnWork) {
  const std::string properties =
      joined(3000, [](int i) { return fmt::format(R"("p{}":{{"type":"integer","multipleOf":{}}})", i, 1000 + i); });
  expect_refusal(R"({"type":"object","properties":{)" + properties + "}}", "too much work together");
}

TEST_F(SchemaLimits, LongListsOfValuesAreCompared) {
  const std::string first = joined(100'000, [](int i) { return fmt::format("\"a{}\"", i); });
  const std::string second = joined(100'000, [](int i) { return fmt::format("\"b{}\"", i); });
  const auto common = compiler_.json_schema(
      *parse_json(R"({"allOf":[{"enum":[1.0,)" + first + R"(]},{"enum":[)" + second + R"(,"a99999",1]}]})"));
  ASSERT_TRUE(common.ok()) << common.error().message;
  EXPECT_TRUE(accepts(*common, R"("a99999")"));
  EXPECT_TRUE(accepts(*common, "1.0"));
  EXPECT_FALSE(accepts(*common, R"("a99998")"));
  const std::string fewer = joined(5'000, [](int i) { return fmt::format("\"a{}\"", i); });
  const auto unique = compiler_.json_schema(*parse_json(R"({"uniqueItems":true,"items":{"enum":[)" + fewer + "]}}"));
  ASSERT_TRUE(unique.ok()) << unique.error().message;
  EXPECT_TRUE(accepts(*unique, R"(["a4999","a7"])"));
  EXPECT_FALSE(accepts(*unique, R"(["a4999","a7","a4999"])"));
}

TEST_F(SchemaLimits, ValuesWithThousandsOfMembersAreCompared) {
  const auto object = [](int offset) {
    return "{" + joined(10'000, [&](int i) { return fmt::format(R"("k{}":{})", (i + offset) % 10'000, i); }) + "}";
  };
  const std::string required = joined(10'000, [](int i) { return fmt::format("\"k{}\"", i); });
  const auto one = compiler_.json_schema(*parse_json(R"({"enum":[)" + object(0) + "," + object(1) + R"(,{"k0":1}],)" +
                                                     R"("const":)" + object(0) + R"(,"required":[)" + required + "]}"));
  ASSERT_TRUE(one.ok()) << one.error().message;
  EXPECT_TRUE(accepts(*one, object(0)));
  const std::string numbers = joined(100'000, [](int i) { return std::to_string(i); });
  const auto unique =
      compiler_.json_schema(*parse_json(R"({"uniqueItems":true,"enum":[[1],[1,1.0],["1",1],[)" + numbers + ",7]]}"));
  ASSERT_TRUE(unique.ok()) << unique.error().message;
  EXPECT_TRUE(accepts(*unique, R"(["1",1])"));
  EXPECT_FALSE(accepts(*unique, "[1,1]"));
  EXPECT_EQ(testing::judge(*unique, "[0"), testing::Verdict::kRejected);
}

TEST_F(SchemaLimits, ListsOfEqualLookingValuesAreRefused) {
  const auto arrays = [](int last) {
    return joined(2000, [&](int i) { return fmt::format("[[0,0,0,0,0,0,0,0,{}]]", 2 * i + last); });
  };
  expect_refusal(R"({"allOf":[{"enum":[)" + arrays(0) + R"(]},{"enum":[)" + arrays(1) + "]}]}", "too many ways");
}

TEST_F(SchemaLimits, TheSmallestNumbersAreNumbers) {
  const auto grammar = compiler_.json_schema(*parse_json(R"({"enum":[0,"a"],"multipleOf":5e-324})"));
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, "0"));
}

}  // namespace
}  // namespace braid::grammar
