// Conditions: if, dependent…, not, overlapping branches of oneOf, contains.
#include <gtest/gtest.h>

#include "tests/support/grammar/schema_test.h"

namespace braid::grammar {
namespace {

class SchemaConditions : public testing::SchemaTest {};

TEST_F(SchemaConditions, IfThenElseAreCases) {
  expect(R"({"type":"object","properties":{"kind":{"enum":["a","b"]},"x":{"type":"integer"}},"required":["kind"],
             "if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["x"]}})",
         {R"({"kind":"a","x":1})", R"({"kind":"b"})", R"({"kind":"b","x":1})"}, {R"({"kind":"a"})", R"({"kind":"c"})"});
  expect(R"({"type":"object","properties":{"kind":{"type":"string"},"x":{"type":"integer"},"y":{"type":"null"}},
             "if":{"properties":{"kind":{"const":"a"}},"required":["kind"]},
             "then":{"required":["x"]},"else":{"required":["y"]}})",
         {R"({"kind":"a","x":1})", R"({"kind":"b","y":null})", R"({"y":null})", R"({"kind":"a","x":1,"y":null})"},
         {R"({"kind":"a"})", R"({"kind":"a","y":null})", "{}", R"({"x":1})", R"({"kind":"b","x":1})"});
  // Without "required" in it, the test holds for an object that lacks the property.
  expect(R"({"type":"object","properties":{"k":{"enum":[1,2]},"x":{"type":"null"}},
             "if":{"properties":{"k":{"const":1}}},"then":{"required":["x"]}})",
         {R"({"k":2})", R"({"x":null})", R"({"k":1,"x":null})"}, {"{}", R"({"k":1})"});
  expect(R"({"type":["string","integer"],"if":{"type":"string"},"then":{"minLength":2},"else":{"minimum":3}})",
         {R"("ab")", "3"}, {R"("a")", "2"});
  expect(R"({"enum":[1,"a","bb"],"if":{"type":"string"},"then":{"minLength":2}})", {"1", R"("bb")"}, {R"("a")"});
  expect(R"({"type":"integer","if":true,"then":{"minimum":3},"else":false})", {"3"}, {"2"});
  expect(R"({"type":"integer","if":{"minimum":9}})", {"3", "10"}, {});
}

TEST_F(SchemaConditions, ManyTestsOfOnePropertyAreFewCases) {
  std::string kinds;
  std::string tests;
  for (int i = 0; i < 40; ++i) {
    kinds += fmt::format(R"({}"k{}")", i == 0 ? "" : ",", i);
    tests += fmt::format(
        R"({}{{"if":{{"properties":{{"kind":{{"const":"k{}"}}}},"required":["kind"]}},"then":{{"required":["p{}"]}}}})",
        i == 0 ? "" : ",", i, i % 4);
  }
  const std::string body = R"("p0":{"const":0},"p1":{"const":1},"p2":{"const":2},"p3":{"const":3}})";
  for (const std::string required : {R"("required":["kind"],)", ""}) {
    expect(R"({"type":"object","properties":{"kind":{"enum":[)" + kinds + "]}," + body + "," + required +
               R"("allOf":[)" + tests + "]}",
           {R"({"kind":"k0","p0":0})", R"({"kind":"k7","p3":3})", R"({"kind":"k38","p0":0,"p2":2})"},
           {R"({"kind":"k0"})", R"({"kind":"k7","p2":2})", R"({"kind":"k40"})"});
  }
}

TEST_F(SchemaConditions, DependentPropertiesAreCases) {
  for (const char* keyword : {"dependentRequired", "dependencies"}) {
    expect(fmt::format(R"({{"type":"object","properties":{{"a":{{}},"b":{{}},"c":{{}}}},"{}":{{"a":["b","c"]}}}})",
                       keyword),
           {"{}", R"({"b":1})", R"({"a":1,"b":1,"c":1})"}, {R"({"a":1})", R"({"a":1,"c":1})"});
  }
  for (const char* keyword : {"dependentSchemas", "dependencies"}) {
    expect(fmt::format(R"({{"type":"object","properties":{{"a":{{}},"b":{{"type":"integer"}}}},
                            "{}":{{"a":{{"properties":{{"b":{{"minimum":5}}}},"required":["b"]}}}}}})",
                       keyword),
           {"{}", R"({"b":1})", R"({"a":1,"b":5})"}, {R"({"a":1})", R"({"a":1,"b":4})"});
  }
}

TEST_F(SchemaConditions, NotIsTheOpposite) {
  expect(R"({"type":"string","not":{"pattern":"^a"}})", {R"("b")", R"("")"}, {R"("a")", R"("ab")"});
  expect(R"({"enum":[2,3],"not":{"multipleOf":2}})", {"3"}, {"2"});
  expect(R"({"type":"integer","not":{"enum":[1,3,"x"]}})", {"0", "2", "4"}, {"1", "3"});
  expect(R"({"not":{"const":true},"type":["boolean","null"]})", {"false", "null"}, {"true"});
  expect(R"({"type":"number","not":{"minimum":1,"maximum":2}})", {"0.9", "2.1"}, {"1", "1.5", "2"});
  expect(R"({"type":"string","not":{"minLength":2,"maxLength":3}})", {R"("a")", R"("abcd")"}, {R"("ab")", R"("abc")"});
  expect(R"({"type":"object","properties":{"a":{},"b":{}},"not":{"required":["a","b"]}})", {"{}", R"({"a":1})"},
         {R"({"a":1,"b":1})"});
  expect(R"({"type":"object","properties":{"a":{"enum":[1,2]}},"not":{"properties":{"a":{"const":2}}}})",
         {R"({"a":1})"}, {"{}", R"({"a":2})"});
  expect(R"({"type":"array","items":{"type":"integer"},"not":{"items":{"minimum":0}}})", {"[-1]", "[1,-2]"},
         {"[]", "[1]"});
  expect(R"({"type":"array","not":{"const":[]}})", {"[1]"}, {"[]"});
  expect(R"({"not":{"anyOf":[{"type":"object"},{"type":"array"},{"type":"string","maxLength":3}]}})",
         {"1", R"("abcd")"}, {R"("abc")", "[]"});
  expect(R"({"type":"string","not":{"not":{"const":"a"}}})", {R"("a")"}, {R"("b")"});
  expect(R"({"$defs":{"n":{"enum":["x","y"]}},"type":"string","not":{"$ref":"#/$defs/n"}})", {R"("z")"}, {R"("x")"});
  // A keyword without an opposite adds no case; alone it is refused.
  expect(R"({"type":"integer","not":{"multipleOf":2,"minimum":5}})", {"4", "1"}, {"5", "6", "7"});
  expect_refusal(R"({"type":"integer","format":"int32","not":{"type":"integer","format":"int32"}})", "\"format\"");
  expect_refusal(R"({"type":"string","not":{"format":"date"}})", "\"format\"");
  expect_refusal(R"({"not":{"$ref":"#"}})", "refers to itself");
  expect_refusal(R"({"type":"object","not":{"patternProperties":{"^a":{"type":"null"}}}})", "patternProperties");
}

TEST_F(SchemaConditions, ExactlyOneBranchHoldsWhereBranchesOverlap) {
  expect(R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"oneOf":[{"required":["a"]},{"required":["b"]}]})",
         {R"({"a":1})", R"({"b":1})", R"({"b":1,"c":1})"}, {"{}", R"({"a":1,"b":1})", R"({"c":1})"});
  expect(R"({"type":"string","oneOf":[{"pattern":"a"},{"maxLength":2}]})", {R"("xxa")", R"("xx")"},
         {R"("a")", R"("xxx")"});
  expect(R"({"oneOf":[{"type":"object","properties":{"a":{"type":"null"}},"required":["a"]},
                      {"type":"object","properties":{"b":{"type":"null"}},"required":["b"]}]})",
         {R"({"a":null})", R"({"b":null})"}, {"{}", R"({"a":null,"b":null})"});
}

TEST_F(SchemaConditions, OverlappingBranchesMayHaveKeywordsWithoutAnOpposite) {
  expect(R"({"oneOf":[{"type":"array","items":{"type":"integer"}},
                      {"type":"array","items":{"type":"string"},"uniqueItems":true,"minItems":1}]})",
         {"[]", "[1,1]", R"(["a"])"}, {R"(["a","a"])", R"([1,"a"])"});
}

TEST_F(SchemaConditions, WhatNoSchemaEvaluatesIsNotWritten) {
  expect(R"({"type":"object","properties":{"a":{"type":"null"}},"allOf":[{"properties":{"b":{"type":"null"}}}],
             "unevaluatedProperties":false})",
         {"{}", R"({"a":null})", R"({"b":null,"a":null})"}, {R"({"c":null})", R"({"a":1})"});
  // Not by a schema beside it.
  expect(R"({"type":"object","allOf":[{"properties":{"a":{"type":"null"}}},
             {"properties":{"b":{"type":"null"}},"unevaluatedProperties":false}]})",
         {"{}", R"({"b":null})"}, {R"({"a":null})", R"({"a":null,"b":null})"});
  expect(R"({"$defs":{"base":{"properties":{"a":{"type":"null"}}}},"type":"object","$ref":"#/$defs/base",
             "patternProperties":{"^x":{"type":"null"}},"unevaluatedProperties":{"type":"string"}})",
         {R"({"a":null})", R"({"x1":null})"}, {R"({"y":null})"});
  expect(R"({"type":"object","properties":{"k":{}},"if":{"properties":{"k":{"const":1}},"required":["k"]},
             "then":{"properties":{"a":{"type":"null"}}},"unevaluatedProperties":false})",
         {R"({"k":1,"a":null})", R"({"k":2})"}, {R"({"k":2,"a":null})", R"({"k":1,"b":null})"});
  expect(R"({"type":"object","unevaluatedProperties":false})", {"{}"}, {R"({"a":1})"});
  expect(R"({"type":"object","additionalProperties":{"type":"null"},"unevaluatedProperties":false})", {R"({"a":null})"},
         {R"({"a":1})"});
  expect_refusal(R"({"type":"object","required":["z"],"unevaluatedProperties":false})", "unsatisfiable");
  expect_refusal(R"({"enum":[{"a":1}],"unevaluatedProperties":false})", "unevaluatedProperties");
  expect(R"({"type":"array","allOf":[{"prefixItems":[{},{"type":"null"}]}],"prefixItems":[{"type":"integer"}],
             "unevaluatedItems":false})",
         {"[]", "[1]", "[1,null]"}, {"[1,null,1]", "[1,1]"});
  expect(R"({"type":"array","unevaluatedItems":false})", {"[]"}, {"[1]"});
  expect(R"({"type":"array","items":{"type":"null"},"unevaluatedItems":false})", {"[null,null]"}, {"[1]"});
  expect(R"({"type":"array","unevaluatedItems":true,"unevaluatedProperties":{}})", {"[1]"}, {});
}

TEST_F(SchemaConditions, ContainsCounts) {
  expect(R"({"type":"array","contains":{"const":1},"items":{"type":"integer"}})", {"[1]", "[2,1,3]", "[1,1]"},
         {"[]", "[2]", "[2,\"a\",1]"});
  expect(
      R"({"type":"array","items":{"enum":["a","b"]},"contains":{"const":"a"},"minContains":2,"maxContains":3,"maxItems":4})",
      {R"(["a","a"])", R"(["a","b","a"])", R"(["a","a","a","b"])"},
      {R"(["a"])", R"(["a","a","a","a"])", R"(["a","b","b","b","a"])"});
  expect(R"({"type":"array","contains":{"type":"string"},"minContains":0,"maxContains":1,"minItems":1})",
         {"[1]", R"(["a"])", R"([1,"a",2])"}, {"[]", R"(["a","b"])"});
  expect_refusal(R"({"type":"array","prefixItems":[{}],"contains":{"type":"null"}})", "\"contains\"");
}

TEST_F(SchemaConditions, TooManyCasesAreRefused) {
  std::string dependencies;
  std::string properties;
  for (int i = 0; i < 40; ++i) {
    properties += fmt::format(R"({}"a{}":{{}},"b{}":{{}})", i == 0 ? "" : ",", i, i);
    dependencies += fmt::format(R"({}"a{}":["b{}"])", i == 0 ? "" : ",", i, i);
  }
  expect_refusal(R"({"type":"object","properties":{)" + properties + R"(},"dependentRequired":{)" + dependencies + "}}",
                 "cases");
}

}  // namespace
}  // namespace braid::grammar
