// Objects between tags: which texts they accept, and what is refused.
#include "braid/grammar/json/tagged_objects.h"

#include <gtest/gtest.h>

#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::accepts;

const MemberTags kLines{
    .key_open = "<parameter=", .key_close = ">", .value_open = "", .value_close = "</parameter>", .has_lines = true};
const MemberTags kInline{
    .key_open = "<arg_key>", .key_close = "</arg_key>", .value_open = "<arg_value>", .value_close = "</arg_value>"};

class TaggedObjects : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler_{*tokenizer_};
  std::map<std::string, TypeSet> kinds_;

  GrammarCompiler::Compiled compile(const std::string& schema, const MemberTags& tags = kLines) {
    const TaggedObject object{.begin = {"<f>"}, .end = {"</f>"}, .schema = "#", .kinds = kinds_};
    return compiler_.tagged_objects(*parse_json(schema), {&object, 1}, tags);
  }
  bool takes(const std::string& schema, const std::string& text, const MemberTags& tags = kLines) {
    const auto grammar = compile(schema, tags);
    EXPECT_TRUE(grammar.ok()) << schema << ": " << grammar.error().message;
    return grammar.ok() && accepts(*grammar, text);
  }
  // For an object with one property "a".
  bool takes_value(const std::string& schema, TypeSet kinds, const std::string& value) {
    kinds_ = {{"a", kinds}};
    return takes(R"({"type":"object","properties":{"a":)" + schema + R"(},"required":["a"]})",
                 "<f>\n<parameter=a>\n" + value + "\n</parameter>\n</f>");
  }
  std::string refusal(const std::string& schema, const MemberTags& tags = kLines) {
    const auto grammar = compile(schema, tags);
    return grammar.ok() ? "" : grammar.error().message;
  }
};

TEST_F(TaggedObjects, MembersComeInOrder) {
  const std::string schema = R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"boolean"}},
    "required":["b"]})";
  kinds_ = {{"a", kNumber}, {"b", kBoolean}};
  const std::string a = "<parameter=a>\n-7\n</parameter>\n";
  const std::string b = "<parameter=b>\ntrue\n</parameter>\n";
  EXPECT_TRUE(takes(schema, "<f>\n" + a + b + "</f>"));
  EXPECT_TRUE(takes(schema, "<f>" + b + "</f>"));
  EXPECT_TRUE(takes(schema, "<f><parameter=b>\nFalse\n</parameter></f>"));
  EXPECT_FALSE(takes(schema, "<f>\n" + b + a + "</f>"));
  EXPECT_FALSE(takes(schema, "<f>\n" + a + "</f>"));
  EXPECT_FALSE(takes(schema, "<f>\n" + b + "<parameter=c>\n1\n</parameter>\n</f>"));
  EXPECT_FALSE(takes(schema, "<f>\n<parameter=b>true</parameter>\n</f>")) << "a value has its lines";
  EXPECT_FALSE(takes(schema, "<f>\n<parameter=b>\n1\n</parameter>\n</f>"));
  const std::string inline_b = "<arg_key>b</arg_key>\n<arg_value>false</arg_value>\n";
  EXPECT_TRUE(takes(schema, "<f>\n<arg_key>a</arg_key><arg_value>1</arg_value>" + inline_b + "</f>", kInline));
  EXPECT_TRUE(takes(R"({"properties":{"a":{}}})", "<f>\n</f>"));
}

TEST_F(TaggedObjects, StringsAreWrittenPlainly) {
  const std::string any = R"({"type":"string"})";
  for (const char* value :
       {"", "Paris", "a \"b\"\\\n\tc", "12", "null", "é漢😀", "</param", "\n\nx\n", "<parameter=x>"}) {
    EXPECT_TRUE(takes_value(any, kString, value)) << value;
  }
  EXPECT_FALSE(takes_value(any, kString, "a</parameter>b"));
  EXPECT_TRUE(takes_value(R"({"type":"string","pattern":"^[a-c]+$"})", kString, "abc"));
  EXPECT_FALSE(takes_value(R"({"type":"string","pattern":"^[a-c]+$"})", kString, "abd"));
  EXPECT_TRUE(takes_value(R"({"type":"string","minLength":2,"maxLength":20})", kString, "é\n"));
  EXPECT_FALSE(takes_value(R"({"type":"string","minLength":2,"maxLength":3})", kString, "abcd"));
  EXPECT_TRUE(takes_value(R"({"type":"string","format":"date"})", kString, "2024-02-29"));
  EXPECT_FALSE(takes_value(R"({"type":"string","format":"date"})", kString, "2024-2-29"));
  EXPECT_TRUE(takes_value(R"({"enum":["a","b\nc",""]})", kString, "b\nc"));
  EXPECT_TRUE(takes_value(R"({"enum":["a","b\nc",""]})", kString, ""));
  EXPECT_FALSE(takes_value(R"({"enum":["a","b\nc",""]})", kString, "\"a\""));
}

TEST_F(TaggedObjects, OtherValuesAreJsonWithoutTheClosingTag) {
  const std::string list = R"({"type":"array","items":{"type":"string"}})";
  EXPECT_TRUE(takes_value(list, kArray, R"(["a", "</param", "<b>\n"])"));
  EXPECT_FALSE(takes_value(list, kArray, R"(["</parameter>"])"));
  EXPECT_FALSE(takes_value(R"({"type":"object"})", kObject, R"({"x": [{"</parameter>": 1}]})"));
  EXPECT_TRUE(takes_value(R"({"type":"object"})", kObject, R"({"x": [{"a": 1.5e3}]})"));
  const std::string bounded = R"({"type":"array","items":{"type":"string","maxLength":30}})";
  EXPECT_TRUE(takes_value(bounded, kArray, R"(["a<b></p>"])"));
  EXPECT_FALSE(takes_value(bounded, kArray, R"(["a</parameter>b"])"));
  const std::string constant = R"({"enum":[["</parameter>"],7]})";
  EXPECT_FALSE(takes_value(constant, kArray | kNumber, R"(["</parameter>"])"));
  EXPECT_TRUE(takes_value(constant, kArray | kNumber, R"(["\u003c/parameter>"])"));
  EXPECT_TRUE(takes_value(constant, kArray | kNumber, "7"));
}

TEST_F(TaggedObjects, AStringIsNeverReadAsAnotherKind) {
  const std::string maybe = R"({"type":["string","null"]})";
  for (const char* value : {"null", "None", "12", "[1]", "true", "nullable", " Null"}) {
    EXPECT_TRUE(takes_value(maybe, kString | kNull, value)) << value;
  }
  const std::string large = R"({"anyOf":[{"type":"string"},{"type":"integer","minimum":100}]})";
  EXPECT_TRUE(takes_value(large, kString | kNumber, "100"));
  EXPECT_TRUE(takes_value(large, kString | kNumber, "99 bottles"));
  for (const char* value : {"99", " 99", "99\n", "-1.5e3",
                            "\xEF\xBB\xBF"
                            "9"}) {
    EXPECT_FALSE(takes_value(large, kString | kNumber, value)) << value;
  }
  const std::string listed = R"({"enum":["true","1","x",2]})";
  EXPECT_TRUE(takes_value(listed, kString | kNumber, "true"));
  EXPECT_FALSE(takes_value(listed, kString | kNumber, "1")) << "read as the number, which is not listed";
  EXPECT_TRUE(takes_value(listed, kString | kNumber, "2"));
  EXPECT_FALSE(takes_value(R"({"type":"string"})", kAnyType, "{x"));
  EXPECT_FALSE(takes_value(R"({"type":"string"})", kAnyType, "True"));
  EXPECT_TRUE(takes_value(R"({"type":"string"})", kAnyType, "Truely"));
}

TEST_F(TaggedObjects, FurtherMembersObeyTheirSchema) {
  const std::string numbers = R"({"type":"object","properties":{"a":{"type":"string"}},
    "additionalProperties":{"type":"integer"}})";
  kinds_ = {{"a", kString}};
  EXPECT_TRUE(takes(numbers, "<f>\n<parameter=a>\nx\n</parameter>\n<parameter=b c>\n1\n</parameter>\n</f>"));
  EXPECT_FALSE(takes(numbers, "<f>\n<parameter=b>\nx\n</parameter>\n</f>"));
  EXPECT_FALSE(takes(numbers, "<f>\n<parameter=a>\nx\n</parameter>\n<parameter=a>\n1\n</parameter>\n</f>"));
  EXPECT_FALSE(takes(numbers, "<f>\n<parameter=>\n1\n</parameter>\n</f>"));
  const std::string counted = R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},
    "maxProperties":1})";
  EXPECT_FALSE(takes(counted, "<f>\n<parameter=a>\nx\n</parameter>\n<parameter=b>\nx\n</parameter>\n</f>"));
  EXPECT_TRUE(takes(counted, "<f>\n<parameter=b>\nx\n</parameter>\n</f>"));
}

TEST_F(TaggedObjects, OneOfSeveral) {
  const Json document = *parse_json(R"({"$defs":{"f":{"type":"object","properties":{"a":{"$ref":"#/$defs/f/$defs/n"}},
    "required":["a"],"$defs":{"n":{"type":"integer"}}}}})");
  const std::vector<TaggedObject> objects = {
      {.begin = {"", "<f>"}, .end = {"</f>", "</call>"}, .schema = "#/$defs/f", .kinds = {{"a", kNumber}}},
      {.begin = {"", "<g>"}, .end = {}}};
  const auto grammar = compiler_.tagged_objects(document, objects, kLines);
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  EXPECT_TRUE(accepts(*grammar, "\n<f>\n<parameter=a>\n1\n</parameter>\n</f>\n</call>"));
  EXPECT_TRUE(accepts(*grammar, "<g>"));
  EXPECT_FALSE(accepts(*grammar, "<g>\n"));
  EXPECT_FALSE(accepts(*grammar, "<h>"));
}

TEST_F(TaggedObjects, WhatCannotBeWrittenIsRefused) {
  EXPECT_NE(refusal(R"({"properties":{"a>b":{}}})").find("the property \"a>b\""), std::string::npos);
  EXPECT_EQ(refusal(R"({"properties":{"a>b":{}}})", kInline), "");
  EXPECT_NE(refusal(R"({"enum":[{"a":1}]})").find("whole arguments"), std::string::npos);
  EXPECT_NE(refusal(R"({"properties":{"a":{"type":"object","minProperties":3}}})").find("minProperties"),
            std::string::npos);
  kinds_ = {{"a", kString | kNumber}};
  EXPECT_NE(refusal(R"({"properties":{"a":{"enum":["1"]}},"required":["a"]})"), "") << "no way to write it";
  EXPECT_NE(refusal(R"({"properties":{"a":false},"required":["a"]})"), "");
}

TEST_F(TaggedObjects, MasksAreExact) {
  kinds_ = {{"a", kString | kNull}, {"b", kArray}};
  const auto grammar = compile(R"({"type":"object","properties":{"a":{"type":["string","null"],"maxLength":40},
    "b":{"type":"array","items":{"type":"string"}}},"required":["a","b"]})");
  ASSERT_TRUE(grammar.ok()) << grammar.error().message;
  const std::string text =
      "<f>\n<parameter=a>\nNo <b>\n</parameter>\n<parameter=b>\n[\"x </y\", \"\"]\n</parameter>\n</f>";
  GrammarMatcher matcher(*grammar, false);
  for (size_t i = 0; i < text.size(); ++i) {
    testing::expect_exact_mask(matcher, *tokenizer_, text.substr(0, i));
    ASSERT_TRUE(matcher.accept_bytes(text.substr(i, 1)).ok()) << text.substr(0, i + 1);
  }
  EXPECT_TRUE(matcher.is_complete());
}

}  // namespace
}  // namespace braid::grammar
