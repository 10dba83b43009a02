#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Arguments, BindByPositionAndByName) {
  expect_expressions({
      {"'a b c'.split(' ', 1)", "['a', 'b c']"},
      {"'a b c'.split(maxsplit=1, sep=' ')", "['a', 'b c']"},
      {"'abc'|replace(new='x', old='b')", "axc"},
      {"[{'a': {'b': [1, 2]}}]|map(attribute='a.b.1')|list", "[2]"},
      {"[[5, 6]]|map(attribute=1)|list", "[6]"},
      {"[{'1': 'x'}]|map(attribute='1') | list | length", "1"},
  });
}

TEST(Arguments, ErrorsNameTheFunction) {
  expect_expression_errors({
      {"'a'|replace('a')", "replace() misses the argument 'new'"},
      {"'a'|trim('a', 'b')", "trim() takes at most 1 argument(s), got 2"},
      {"'a'|trim(x=1)", "trim() got an unexpected keyword argument 'x'"},
      {"'a'|replace('a', 'b', old='c')", "replace() got two values for the argument 'old'"},
      {"'a'|center('x')", "center's width must be an integer, not str"},
      {"'a'|center(missing)", "'missing' is undefined"},
  });
}

}  // namespace
}  // namespace braid::jinja
