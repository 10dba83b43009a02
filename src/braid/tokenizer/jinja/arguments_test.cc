#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Arguments, BindByPositionAndByName) {
  expect_expressions({
      {R"('a b c'.split(' ', 1))", R"(['a', 'b c'])"},
      {R"('a b c'.split(maxsplit=1, sep=' '))", R"(['a', 'b c'])"},
      {R"('abc'|replace(new='x', old='b'))", R"(axc)"},
      {R"([{'a': {'b': [1, 2]}}]|map(attribute='a.b.1')|list)", R"([2])"},
      {R"([[5, 6]]|map(attribute=1)|list)", R"([6])"},
      {R"([{'1': 'x'}]|map(attribute='1') | list | length)", R"(1)"},
  });
}

TEST(Arguments, ErrorsNameTheFunction) {
  expect_expression_errors({
      {R"('a'|replace('a'))", R"(replace() misses the argument 'new')"},
      {R"('a'|trim('a', 'b'))", R"(trim() takes at most 1 argument(s), got 2)"},
      {R"('a'|trim(x=1))", R"(trim() got an unexpected keyword argument 'x')"},
      {R"('a'|replace('a', 'b', old='c'))", R"(replace() got two values for the argument 'old')"},
      {R"('a'|center('x'))", R"(center's width must be an integer, not str)"},
      {R"('a'|center(missing))", R"('missing' is undefined)"},
  });
}

}  // namespace
}  // namespace braid::jinja
