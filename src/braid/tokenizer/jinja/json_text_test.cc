#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(JsonText, IsThatOfJsonDumps) {
  expect_expressions({
      {"{'a': [1, 2.5, none, true, 'x'], 'b': {}, 'c': []}|tojson",
       R"({"a": [1, 2.5, null, true, "x"], "b": {}, "c": []})"},
      {R"('"\\\n\r\t\f\b\x01/é😀<&'|tojson)", R"("\"\\\n\r\t\f\b\u0001/é😀<&")"},
      {R"('é😀\x7f'|tojson(ensure_ascii=true))", R"("\u00e9\ud83d\ude00\u007f")"},
      {"(1, (2,))|tojson", "[1, [2]]"},
      {"{1: 1, 1.5: 2, true: 3, none: 4}|tojson", R"({"1": 3, "1.5": 2, "null": 4})"},
      {"[1e16, 0.1, 'inf'|float, 'nan'|float]|tojson", "[1e+16, 0.1, Infinity, NaN]"},
      {"170141183460469231731687303715884105727|tojson", "170141183460469231731687303715884105727"},
  });
}

TEST(JsonText, TakesIndentSeparatorsAndOrder) {
  expect_expressions({
      {"{'b': [1, {}], 'a': 2}|tojson(indent=2)", "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": 2\n}"},
      {"[1, [2]]|tojson(indent='--')", "[\n--1,\n--[\n----2\n--]\n]"},
      {"[1, [2]]|tojson(indent=0)", "[\n1,\n[\n2\n]\n]"},
      {"{'b': 1, 'a': 2}|tojson(sort_keys=true)", R"({"a": 2, "b": 1})"},
      {"{'b': 1, 'a': [1, 2]}|tojson(separators=(',', ':'))", R"({"b":1,"a":[1,2]})"},
  });
}

TEST(JsonText, RejectsWhatJsonLacks) {
  expect_expression_errors({
      {"missing|tojson", "tojson of an undefined value: 'missing' is undefined"},
      {"range(3)|tojson", "object of type range is not JSON serializable"},
      {"{(1,): 2}|tojson", "JSON keys must be"},
      {"{'a': 1}.keys()|tojson", "dict_keys is not JSON"},
      {"{1: 1, 'a': 2}|tojson(sort_keys=true)", "'<' is not supported"},
  });
}

}  // namespace
}  // namespace braid::jinja
