// JSON schemas as grammars: which documents they accept, and which schemas are refused.
#include "braid/grammar/json/schema_compiler.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/grammar/grammars.h"

namespace braid::grammar {
namespace {

using testing::accepts;
using testing::must;

class SchemaCompilerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = testing::fixture_tokenizer("gpt2");
  GrammarCompiler compiler_{*tokenizer_};

  void expect(const std::string& schema, const std::vector<std::string>& yes, const std::vector<std::string>& no) {
    const auto grammar = compiler_.json_schema(*parse_json(schema));
    ASSERT_TRUE(grammar.ok()) << schema << ": " << grammar.error().message;
    for (const std::string& text : yes) EXPECT_TRUE(accepts(*grammar, text)) << schema << " on " << text;
    for (const std::string& text : no) EXPECT_FALSE(accepts(*grammar, text)) << schema << " on " << text;
  }
  void expect_refusal(const std::string& schema, const std::string& reason) {
    const auto grammar = compiler_.json_schema(*parse_json(schema));
    ASSERT_FALSE(grammar.ok()) << schema;
    EXPECT_NE(grammar.error().message.find(reason), std::string::npos) << grammar.error().message;
  }
};

TEST_F(SchemaCompilerTest, AcceptsTheNamedTypes) {
  expect(R"({"type":"null"})", {"null"}, {"true", "0"});
  expect(R"({"type":"boolean"})", {"true", "false"}, {"null", "True"});
  expect(R"({"type":"integer"})", {"0", "-7", "12345678901234567890"},
         {"01", "1.5", "1e3", "-", "123456789012345678901"});
  expect(R"({"type":"number"})", {"0", "-7.25", "1e5", "1E-05", "3.0e+10", "1e279"},
         {"1.", ".5", "1e999", "+1", "NaN"});
  expect(R"({"type":["string","null"]})", {"null", "\"x\""}, {"1"});
  expect("true", {"null", "[1,{\"a\":[]}]", "\"x\""}, {"nul"});
  expect("{}", {"{}", "[]", "1"}, {""});
}

TEST_F(SchemaCompilerTest, StringsKeepToTheirLengths) {
  expect(R"({"type":"string"})",
         {R"("")", R"("a b")", R"("é漢😀")", R"("\"\\\/\b\f\n\r\t")", R"("\u00e9\uD83D\uDE00\u0000")", "\"\x7f\""},
         {R"(")", R"("\x")", R"("\u12")", "\"\n\"", R"("\ud83d")", R"("\ude00")", R"("\ud83dx")", "\"\xff\"", R"(a)"});
  expect(R"({"type":"string","minLength":2,"maxLength":3})",
         {R"("ab")", R"("é漢😀")", R"("\u00e9\n")", R"("\ud83d\ude00a")"},
         {R"("a")", R"("abcd")", R"("\ud83d\ude00")", R"("")"});
  expect(R"({"type":"string","maxLength":100000})", {"\"" + std::string(5000, 'x') + "\""}, {});
  expect(R"({"type":"string","minLength":3})", {R"("abc")", R"("abcdef")"}, {R"("ab")"});
  expect(R"({"type":"string","maxLength":0})", {R"("")"}, {R"("a")"});
}

TEST_F(SchemaCompilerTest, PatternsSearchUnlessTheyAreAnchored) {
  expect(R"({"type":"string","pattern":"^[a-z]+$"})", {R"("abc")"}, {R"("")", R"("aB")"});
  expect(R"({"type":"string","pattern":"b+"})", {R"("abc")", R"("b")", R"("\nb\"")"}, {R"("ac")"});
  expect(R"({"type":"string","pattern":"^a|b$"})", {R"("axx")", R"("xxb")"}, {R"("xax")"});
  expect(R"({"type":"string","pattern":"^[\"\\\\\\né]{4}$"})", {R"("\"\\\né")", R"("\u0022\u005C\u000a\u00e9")"},
         {"\"\"\\\né\""});
  expect(R"({"type":"string","pattern":"^.{2,4}$","maxLength":3})", {R"("ab")", R"("abc")"}, {R"("a")", R"("abcd")"});
  expect(R"({"type":"string","pattern":"^[a-f]*$","minLength":2,"maxLength":40})", {R"("ab")"}, {R"("a")", R"("xy")"});
  expect(R"({"type":"string","pattern":"^(ab)+c?$","minLength":3,"maxLength":6})",
         {R"("abc")", R"("abab")", R"("ababab")"}, {R"("ab")", R"("abababc")"});
  expect(R"({"allOf":[{"type":"string","pattern":"a"},{"pattern":"b"}]})", {R"("ab")", R"("xbxa")"},
         {R"("a")", R"("b")"});
}

TEST_F(SchemaCompilerTest, FormatsFollowTheirStandards) {
  const auto format = [](const std::string& name) { return R"({"type":"string","format":")" + name + "\"}"; };
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  const auto expect_format = [&](const std::string& name, const std::vector<std::string>& yes,
                                 const std::vector<std::string>& no) {
    std::vector<std::string> good;
    std::vector<std::string> bad;
    for (const std::string& text : yes) good.push_back(quoted(text));
    for (const std::string& text : no) bad.push_back(quoted(text));
    expect(format(name), good, bad);
  };
  expect_format("date", {"2024-02-29", "2000-02-29", "1999-12-31"},
                {"2023-02-29", "1900-02-29", "2024-04-31", "0000-01-01"});
  expect_format("time", {"23:59:59Z", "00:00:00.125+05:30"}, {"24:00:00Z", "12:00:00", "12:60:00Z"});
  expect_format("date-time", {"2024-02-29T12:00:00Z", "2023-01-01T00:00:00.5-08:00"},
                {"2024-02-30T12:00:00Z", "2024-01-01"});
  expect_format("duration", {"P1Y2M3D", "PT36H", "P2W", "P1DT12H"}, {"P", "PT", "1D", "P1H", "P1Y1D"});
  expect_format("uuid", {"123e4567-e89b-12d3-a456-426614174000"}, {"123e4567", "123e4567-e89b-12d3-a456-42661417400g"});
  expect_format("email", {"a.b@example.com", "x+y@mail.example.org"}, {"a@", "@b.com", "a..b@c.de", "a b@c.de"});
  expect_format("hostname", {"example.com", "a-b.c"}, {"-a.com", "a_.com", "a..b"});
  expect_format("ipv4", {"0.0.0.0", "255.249.10.1"}, {"256.1.1.1", "1.1.1", "01.1.1.1"});
  expect_format("ipv6", {"::", "::1", "2001:db8::ff00:42:8329", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:1.2.3.4"},
                {"1:2:3", "::1::2", "12345::", "1:2:3:4:5:6:7:8:9"});
  expect_format("uri", {"https://example.com/a?b=c#d", "ftp://h:21/x%20y"},
                {"example.com", "http://a b", "http://x/%zz"});
  expect_format("uri-reference", {"/a/b?c", "https://example.com"}, {"a b"});
  expect_format("json-pointer", {"", "/a~1b/~0/0"}, {"a", "/~2"});
  expect_format("byte", {"", "aGk=", "aGVs"}, {"a", "a==="});
  expect(R"({"type":"integer","format":"int32"})", {"2147483647", "-2147483648"}, {"2147483648"});
  expect(R"({"type":"integer","format":"int64"})", {"9223372036854775807"}, {"9223372036854775808"});
  expect(format("regex"), {quoted("(")}, {"1"});  // an annotation
  expect(R"({"format":"made-up"})", {quoted("x"), "1"}, {});
}

TEST_F(SchemaCompilerTest, NumbersKeepToTheirBounds) {
  expect(R"({"type":"integer","minimum":-3,"maximum":12})", {"-3", "0", "9", "12"}, {"-4", "13", "-0", "100", "05"});
  expect(R"({"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":100})", {"10", "99"}, {"9", "100", "-10"});
  expect(R"({"type":"integer","minimum":1000})", {"1000", "99999"}, {"999", "-1000"});
  expect(R"({"type":"integer","maximum":-17})", {"-17", "-18", "-100"}, {"-16", "0", "17"});
  expect(R"({"type":"integer","minimum":2.5,"maximum":4.5})", {"3", "4"}, {"2", "5"});
  expect(R"({"type":"integer","minimum":1e20,"maximum":1e21})", {"100000000000000000000", "1000000000000000000000"},
         {"1"});
  expect(R"({"type":"number","minimum":0,"maximum":1})", {"0", "1", "0.5", "0.999", "1.0", "0.0"},
         {"1.1", "1.001", "-0.1", "2", "1e0"});
  expect(R"({"type":"number","exclusiveMinimum":0.25,"exclusiveMaximum":0.375})", {"0.26", "0.2501", "0.3"},
         {"0.25", "0.250", "0.375", "0.2", "0"});
  expect(R"({"type":"number","minimum":-1.5})", {"-1.5", "-1.4", "-0.5", "0", "3.25", "1000"}, {"-1.6", "-1.51", "-2"});
  expect(R"({"type":"integer","multipleOf":7})", {"0", "7", "14", "-21", "700"}, {"1", "8", "-20"});
  expect(R"({"type":"integer","multipleOf":5,"minimum":12,"maximum":31})", {"15", "20", "30"}, {"10", "35", "16"});
  expect(R"({"type":"number","multipleOf":0.5})", {"1", "1.5", "-2.0", "0.5"}, {"1.25", "0.3"});
  expect(R"({"type":"number","multipleOf":1})", {"1", "2"}, {"1.5"});
  expect(R"({"allOf":[{"type":"integer","multipleOf":4},{"multipleOf":6}]})", {"12", "24"}, {"4", "6"});
  expect(R"({"type":"number","multipleOf":0.01})", {"0.07", "1.1", "-3", "19.99"}, {"0.001", "1.005"});
  expect(R"({"multipleOf":0.01,"enum":[0.07,0.29,1.005,4]})", {"0.07", "0.29", "4"}, {"1.005"});
  expect(R"({"type":"number","minimum":3,"exclusiveMinimum":true,"maximum":5,"exclusiveMaximum":false})", {"3.5", "5"},
         {"3", "5.1"});
  expect_refusal(R"({"type":"integer","multipleOf":1000003})", "multipleOf");
  expect_refusal(R"({"type":"integer","minimum":3,"maximum":2})", "unsatisfiable");
  expect_refusal(R"({"type":"integer","minimum":0.1,"maximum":0.9})", "unsatisfiable");
}

TEST_F(SchemaCompilerTest, ConstantsAcceptOnlyTheirValue) {
  expect(R"({"enum":["a",1,null,true,{"x":[1,2]},"é\n"]})",
         {R"("a")", "1", "null", "true", R"({"x":[1,2]})", "{\"x\": [1, 2]}", R"("é\n")", R"("\u00e9\u000a")"},
         {R"("b")", "2", "false", R"({"x":[2,1]})", "{}"});
  expect(R"({"const":"only"})", {R"("only")"}, {R"("onl")", R"("only ")"});
  expect(R"({"type":"string","enum":["a","bb",3],"minLength":2})", {R"("bb")"}, {R"("a")", "3"});
  expect(R"({"enum":[1,2,3],"minimum":2,"not":{"const":3}})", {"2"}, {"1", "3"});
  expect_refusal(R"({"type":"integer","enum":["a"]})", "unsatisfiable");
}

TEST_F(SchemaCompilerTest, ObjectsHaveTheirPropertiesInOrder) {
  const std::string person =
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"},"tag":{"const":"x"}},"required":["name"]})";
  expect(person,
         {R"({"name":"a"})", R"({"name": "a", "age": 3})", R"({"name":"a","tag":"x"})",
          "{\n  \"name\": \"a\",\n  \"age\": 1\n}", R"({ "name":"a" })", "{\n\t\"name\": \"a\"\n}"},
         {"{}", R"({"age":3})", R"({"age":3,"name":"a"})", R"({"name":"a","name":"b"})", R"({"name":"a","other":1})",
          R"({"name":"a",})", R"({"name":1})", "{\n\n\"name\":\"a\"}", R"({"name" :"a"})"});
  expect(R"({"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}}})",
         {"{}", R"({"a":null})", R"({"b":null})", R"({"a":null,"b":null})"},
         {R"({,"b":null})", R"({"b":null,"a":null})"});
  expect(R"({"type":"object","properties":{}})", {"{}"}, {R"({"a":1})"});
  expect(R"({"type":"object"})", {"{}", R"({"a":1,"b":[{}]})"}, {"[]"});
  expect(R"({"type":"object","required":["x"]})", {R"({"x":1})", R"({"x":1,"y":2})"}, {"{}", R"({"y":2})"});
  expect(R"({"properties":{"a":{"type":"integer"}},"required":["a"]})", {R"({"a":1})"}, {"1", "{}"});
  expect(R"({"type":"object","properties":{"é\"":{"type":"null"}}})", {"{\"é\\\"\":null}", R"({"\u00e9\"":null})"}, {});
  expect(R"({"type":"object","properties":{"a":false,"b":{"type":"null"}}})", {R"({"b":null})"}, {R"({"a":1})"});
  expect_refusal(R"({"type":"object","properties":{"a":false},"required":["a"]})", "unsatisfiable");
}

// Of two schemas for one property, the first found gives the order: what "allOf" joins, the object's own, then the
// branches. Where their parts lie in memory does not count, so the schema is read in many shapes.
TEST_F(SchemaCompilerTest, JoinedObjectsHaveTheirPropertiesInTheOrderOfReading) {
  const std::string own = R"("properties":{"m":{"properties":{"a":{},"b":{}}}})";
  const std::string other = R"({"properties":{"m":{"properties":{"b":{},"a":{}}}},"required":["m"]})";
  for (int i = 0; i < 40; ++i) {
    const std::string some =
        fmt::format(R"("$defs":{{"x":{{"enum":["{}"]}}}})", std::string(static_cast<size_t>(i) * 7, 'x'));
    const std::string before = i % 2 == 0 ? some + "," : "";
    const std::string after = i % 2 == 0 ? "" : "," + some;
    for (const std::string_view keyword : {"anyOf", "oneOf"}) {
      const std::string branches = fmt::format(R"("{}":[{{"properties":{{"m":false}}}},{}])", keyword, other);
      for (const std::string& parts : {own + "," + branches, branches + "," + own}) {
        expect("{" + before + parts + after + "}", {R"({"m":{"a":1,"b":2}})"}, {R"({"m":{"b":2,"a":1}})"});
      }
    }
    const std::string all = R"("allOf":[)" + other + "]";
    for (const std::string& parts : {own + "," + all, all + "," + own}) {
      expect("{" + before + parts + after + "}", {R"({"m":{"b":2,"a":1}})"}, {R"({"m":{"a":1,"b":2}})"});
    }
  }
}

TEST_F(SchemaCompilerTest, FurtherKeysMustBeAllowedByTheSchema) {
  expect(R"({"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"string"}})",
         {R"({"a":1,"b":"x"})", R"({"b":"x","c":"y"})", "{}", R"({"ab":"x","":"y"})", R"({"\u00e9":"x"})"},
         {R"({"a":"x"})", R"({"b":1})", R"({"b":"x","a":1})", R"({"\u0061":"x"})"});
  expect(R"({"type":"object","additionalProperties":{"type":"integer"},"maxProperties":2})",
         {"{}", R"({"a":1})", R"({"a":1,"b":2})"}, {R"({"a":1,"b":2,"c":3})", R"({"a":"x"})"});
  expect(R"({"type":"object","minProperties":1})", {R"({"a":1})"}, {"{}"});
  expect(R"({"type":"object","patternProperties":{"^x_":{"type":"integer"}},"additionalProperties":false})",
         {"{}", R"({"x_a":1})", R"({"x_":1,"x_b":2})"}, {R"({"y":1})", R"({"x_a":"s"})"});
  expect(
      R"({"type":"object","properties":{"x_1":{"minimum":5}},"patternProperties":{"^x_":{"type":"integer"},"1$":{"maximum":9}},
             "additionalProperties":{"type":"null"}})",
      {R"({"x_1":7})", R"({"x_2":100,"b1":3,"z":null})"},
      {R"({"x_1":4})", R"({"x_1":10})", R"({"x_11":10})", R"({"z":1})"});
  expect(
      R"({"type":"object","propertyNames":{"pattern":"^[a-z]+$","maxLength":3},"additionalProperties":{"type":"null"}})",
      {R"({"abc":null})"}, {R"({"abcd":null})", R"({"A":null})"});
  expect(R"({"type":"object","propertyNames":{"enum":["a","b"]}})", {R"({"a":1,"b":2})"}, {R"({"c":1})"});
  expect(R"({"type":"object","propertyNames":{"anyOf":[{"enum":["a","b"]},{"pattern":"^x","maxLength":2}]}})",
         {R"({"a":1,"x1":2})", R"({"x":1})"}, {R"({"c":1})", R"({"x12":1})"});
  expect(R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"minProperties":2,"maxProperties":2})",
         {R"({"a":1,"b":2})", R"({"a":1,"c":2})", R"({"b":1,"c":2})"}, {R"({"a":1})", R"({"a":1,"b":2,"c":3})", "{}"});
  expect(
      R"({"type":"object","properties":{"a":{},"b":{}},"required":["b"],"additionalProperties":true,"maxProperties":2})",
      {R"({"b":1})", R"({"a":1,"b":1})", R"({"b":1,"x":1})"},
      {R"({"a":1,"b":1,"x":1})", R"({"a":1})", R"({"b":1,"x":1,"y":1})"});
  expect(R"({"maxProperties":0})", {"{}"}, {R"({"a":1})", "1"});
  expect(R"({"properties":{"a":{"type":"null"}},"maxProperties":0})", {"{}"}, {R"({"a":null})"});
  expect(R"({"properties":{"a":{"type":"null"}},"required":["a","b"]})", {R"({"a":null,"b":1})"},
         {R"({"a":null})", R"({"a":null,"b":1,"c":1})"});
  // It needs more than it names.
  expect(R"({"properties":{"a":{"type":"null"}},"minProperties":2})",
         {R"({"a":null,"b":1})", R"({"a":null,"b":1,"c":2})"},
         {"{}", R"({"a":null})", R"({"b":1})", R"({"b":1,"b":2})"});
  expect(R"({"properties":{"a":{},"b":{}},"additionalProperties":true,"minProperties":2})",
         {R"({"a":1,"b":2})", R"({"a":1,"c":2})", R"({"a":1,"b":2,"c":3,"d":4})"}, {R"({"a":1})", R"({"c":1,"c":2})"});
  expect_refusal(R"({"type":"object","minProperties":2})", "minProperties");
  expect(R"({"patternProperties":{"^a":{"const":1},"^b":{"const":2},"^c":{"const":3},"^d":{"const":4},"^e":{"const":5},
             "e$":{"type":"integer"}}})",
         {R"({"a":1,"b":2,"c":3,"d":4,"e":5,"xe":7})"}, {R"({"a":2})", R"({"x":1})", R"({"xe":"s"})"});
}

TEST_F(SchemaCompilerTest, ArraysCountTheirItems) {
  expect(R"({"type":"array","items":{"type":"integer"}})", {"[]", "[1]", "[1, 2,3]", "[\n  1,\n  2\n]", "[ 1 ]"},
         {"[,1]", "[1,]", "[\"a\"]", "[1 ,2]"});
  expect(R"({"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":3})",
         {"[true,false]", "[true,true,true]"}, {"[]", "[true]", "[true,true,true,true]"});
  expect(R"({"type":"array","items":{"type":"null"},"maxItems":0})", {"[]"}, {"[null]"});
  expect(R"({"type":"array","items":false})", {"[]"}, {"[1]"});
  expect(R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}]})", {"[]", "[1]", "[1,\"a\"]"},
         {"[\"a\"]", "[1,\"a\",2]"});
  expect(R"({"type":"array","prefixItems":[{"type":"integer"}],"items":{"type":"string"},"minItems":2})",
         {"[1,\"a\"]", "[1,\"a\",\"b\"]"}, {"[1]", "[1,2]"});
  expect(R"({"type":"array","prefixItems":[{"type":"integer"}],"minItems":3,"maxItems":3})", {"[1,2,\"x\"]"},
         {"[1,2]"});
  expect(R"({"type":"array","items":{"enum":["a","b","c"]},"uniqueItems":true})",
         {"[]", R"(["b","a"])", R"(["a","b","c"])"}, {R"(["a","a"])", R"(["a","b","a"])"});
  expect(R"({"type":"array","items":{"type":"boolean"},"uniqueItems":true,"minItems":2})", {"[true,false]"},
         {"[true,true]", "[true]"});
  expect(
      R"({"type":"array","items":{"type":"array","items":{"type":"integer","maximum":3},"maxItems":2},"minItems":1})",
      {"[[]]", "[[1,2],[3]]"}, {"[]", "[[4]]", "[[1,2,3]]"});
  expect_refusal(R"({"type":"array","items":{"type":"null"},"minItems":3,"maxItems":2})", "unsatisfiable");
}

TEST_F(SchemaCompilerTest, CombiningKeywords) {
  expect(R"({"anyOf":[{"type":"string"},{"type":"integer"}]})", {"\"a\"", "1"}, {"null"});
  expect(
      R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"anyOf":[{"properties":{"b":{"const":1}},"required":["b"]},{"properties":{"c":{"const":2}},"required":["c"]}]})",
      {R"({"a":0,"b":1})", R"({"a":0,"c":2})"}, {R"({"a":0})", R"({"b":1})", R"({"a":0,"b":1,"c":2})"});
  expect(
      R"({"allOf":[{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":5},"b":{"type":"null"}}}]})",
      {R"({"a":5})", R"({"a":7,"b":null})"}, {R"({"a":4})", R"({"b":null})"});
  expect(R"({"allOf":[{"type":["string","integer"]},{"type":["integer","null"]}]})", {"3"}, {"null", "\"a\""});
  expect(
      R"({"oneOf":[{"type":"object","properties":{"kind":{"const":"a"},"x":{"type":"integer"}},"required":["kind","x"]},
                      {"type":"object","properties":{"kind":{"const":"b"}},"required":["kind"]},{"type":"null"}]})",
      {R"({"kind":"a","x":1})", R"({"kind":"b"})", "null"}, {R"({"kind":"b","x":1})", R"({"kind":"a"})"});
  expect(R"({"oneOf":[{"type":"integer","maximum":3},{"type":"integer","minimum":4}]})", {"3", "4"}, {});
  expect(R"({"not":{"type":["object","array","null"]}})", {"1", "\"a\"", "true"}, {"{}", "[]", "null"});
  expect(R"({"type":"string","not":{"enum":["a","bc"]}})", {"\"ab\"", "\"b\"", "\"\""}, {"\"a\"", "\"bc\""});
  expect(R"({"type":"object","properties":{"a":{},"b":{}},"not":{"required":["a"]}})", {"{}", R"({"b":1})"},
         {R"({"a":1})"});
  expect(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})", {"1.5", "0.25", "-3.01"}, {"1", "2.0", "-3.00"});
  expect_refusal(R"({"oneOf":[{"type":"string"},{"type":"string","format":"date"}]})", "branch 0 and branch 1");
  expect_refusal(R"({"type":"integer","not":{"multipleOf":2}})", "#/not: \"multipleOf\"");
  expect_refusal(R"({"allOf":[{"type":"string"},{"type":"null"}]})", "unsatisfiable");
  expect_refusal("false", "no value satisfies");
}

TEST_F(SchemaCompilerTest, FollowsReferences) {
  expect(
      R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},
             "required":["v","next"]}},"$ref":"#/$defs/n"})",
      {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
      {R"({"v":1})", R"({"v":1,"next":{}})"});
  expect(R"({"type":"array","items":{"$ref":"#"}})", {"[]", "[[],[[]]]"}, {"[1]"});
  expect(
      R"({"definitions":{"a/b":{"type":"null"},"c%d":{"const":1}},"anyOf":[{"$ref":"#/definitions/a~1b"},{"$ref":"#/definitions/c%25d"}]})",
      {"null", "1"}, {"2"});
  expect(R"({"$defs":{"x":{"$anchor":"here","type":"null"}},"$ref":"#here"})", {"null"}, {"1"});
  expect(R"({"$id":"https://example.com/s","$defs":{"x":{"type":"null"}},"$ref":"https://example.com/s#/$defs/x"})",
         {"null"}, {});
  expect(R"({"$defs":{"p":{"type":"integer"}},"$ref":"#/$defs/p","minimum":3})", {"3"}, {"2"});
  expect_refusal(R"({"$ref":"https://example.com/other.json"})", "remote");
  expect_refusal(R"({"$ref":"other.json#/x"})", "remote");
  expect_refusal(R"({"$ref":"#/$defs/missing"})", "names nothing");
  expect_refusal(R"({"$ref":"#"})", "without end");
  expect_refusal(R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"allOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"})",
                 "without end");
  expect_refusal(R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", "without end");
  expect_refusal(R"({"oneOf":[{"$ref":"#"},{"type":"null"}]})", "without end");
  expect_refusal(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})", "recurs without end");
  expect_refusal(R"({"type":"array","items":{"$ref":"#"},"minItems":1})", "recurs without end");
}

TEST_F(SchemaCompilerTest, UnsupportedKeywordsAreRefusedByName) {
  expect_refusal(R"({"type":"array","prefixItems":[{}],"contains":{}})", "\"contains\"");
  expect_refusal(R"({"type":"object","minProperties":3})", "\"minProperties\"");
  expect(R"({"type":"object","properties":{"a":{"type":"null"}},"unevaluatedProperties":{}})", {"{}"}, {"1"});
  expect(
      R"({"title":"t","description":"d","default":1,"examples":[2],"$schema":"https://json-schema.org/draft/2020-12/schema","$comment":"c",
             "deprecated":true,"readOnly":false,"x-order":3,"javaType":"T","_note":[1],"type":"null"})",
      {"null"}, {"1"});
  expect(R"({"type":"string","nullable":true})", {"null", "\"a\""}, {"1"});
  expect(R"({"type":"string","nullable":false})", {"\"a\""}, {"null"});
  expect_refusal(R"({"type":"strin"})", "must be null, boolean");
  expect_refusal(R"({"type":[]})", "empty list");
  expect_refusal(R"({"enum":[]})", "must be a list");
  expect_refusal(R"({"minLength":-1})", "at least 0");
  expect_refusal(R"({"minLength":"2"})", "at least 0");
  expect_refusal(R"({"minimum":"2"})", "must be a number");
  expect_refusal(R"({"multipleOf":0})", "above 0");
  expect_refusal(R"({"properties":[]})", "object of schemas");
  expect_refusal(R"({"properties":{"a":1}})", "must be a schema");
  expect_refusal(R"({"required":"a"})", "list of strings");
  expect_refusal(R"({"anyOf":[]})", "list of schemas");
  expect_refusal(R"({"pattern":"(a)\\1"})", "back-reference");
  expect_refusal(R"({"type":"object","properties":{"a":{"type":"array","items":{"pattern":"("}}}})",
                 "#/properties/a/items");
  const auto refused = compiler_.json_schema(Json(5));
  ASSERT_FALSE(refused.ok());
}

TEST_F(SchemaCompilerTest, AnyObjectAcceptsJsonObjects) {
  const auto grammar = must(compiler_.json_object());
  for (const char* text :
       {"{}", R"({"a":[1,2,{"b":null}],"c":"\u00e9"})", "{\n    \"a\": 1,\n    \"b\": [\n        2\n    ]\n}"}) {
    EXPECT_TRUE(accepts(grammar, text)) << text;
  }
  for (const char* text : {"[]", "1", "{a:1}", "{\"a\":1,}", "{\"a\"}", "{\n\n\n}", "{ \"a\":  1}"}) {
    EXPECT_FALSE(accepts(grammar, text)) << text;
  }
}

}  // namespace
}  // namespace braid::grammar
