#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(IsPredicates, TellKindsApart) {
  expect_expressions({
      {"[missing is defined, missing is undefined, missing is none, missing is boolean, missing is true, missing is "
       "false, missing is integer, missing is float, missing is number, missing is string, missing is mapping, missing "
       "is sequence, missing is iterable, missing is callable, missing is escaped]",
       "[False, True, False, False, False, False, False, False, False, False, False, True, True, True, False]"},
      {"[none is defined, none is undefined, none is none, none is boolean, none is true, none is false, none is "
       "integer, none is float, none is number, none is string, none is mapping, none is sequence, none is iterable, "
       "none is callable, none is escaped]",
       "[True, False, True, False, False, False, False, False, False, False, False, False, False, False, False]"},
      {"[true is defined, true is undefined, true is none, true is boolean, true is true, true is false, true is "
       "integer, true is float, true is number, true is string, true is mapping, true is sequence, true is iterable, "
       "true is callable, true is escaped]",
       "[True, False, False, True, True, False, False, False, True, False, False, False, False, False, False]"},
      {"[false is defined, false is undefined, false is none, false is boolean, false is true, false is false, false "
       "is integer, false is float, false is number, false is string, false is mapping, false is sequence, false is "
       "iterable, false is callable, false is escaped]",
       "[True, False, False, True, False, True, False, False, True, False, False, False, False, False, False]"},
      {"[1 is defined, 1 is undefined, 1 is none, 1 is boolean, 1 is true, 1 is false, 1 is integer, 1 is float, 1 is "
       "number, 1 is string, 1 is mapping, 1 is sequence, 1 is iterable, 1 is callable, 1 is escaped]",
       "[True, False, False, False, False, False, True, False, True, False, False, False, False, False, False]"},
      {"[1.5 is defined, 1.5 is undefined, 1.5 is none, 1.5 is boolean, 1.5 is true, 1.5 is false, 1.5 is integer, 1.5 "
       "is float, 1.5 is number, 1.5 is string, 1.5 is mapping, 1.5 is sequence, 1.5 is iterable, 1.5 is callable, 1.5 "
       "is escaped]",
       "[True, False, False, False, False, False, False, True, True, False, False, False, False, False, False]"},
      {"['a' is defined, 'a' is undefined, 'a' is none, 'a' is boolean, 'a' is true, 'a' is false, 'a' is integer, 'a' "
       "is float, 'a' is number, 'a' is string, 'a' is mapping, 'a' is sequence, 'a' is iterable, 'a' is callable, 'a' "
       "is escaped]",
       "[True, False, False, False, False, False, False, False, False, True, False, True, True, False, False]"},
      {"[{} is defined, {} is undefined, {} is none, {} is boolean, {} is true, {} is false, {} is integer, {} is "
       "float, {} is number, {} is string, {} is mapping, {} is sequence, {} is iterable, {} is callable, {} is "
       "escaped]",
       "[True, False, False, False, False, False, False, False, False, False, True, True, True, False, False]"},
      {"[[] is defined, [] is undefined, [] is none, [] is boolean, [] is true, [] is false, [] is integer, [] is "
       "float, [] is number, [] is string, [] is mapping, [] is sequence, [] is iterable, [] is callable, [] is "
       "escaped]",
       "[True, False, False, False, False, False, False, False, False, False, False, True, True, False, False]"},
      {"[() is defined, () is undefined, () is none, () is boolean, () is true, () is false, () is integer, () is "
       "float, () is number, () is string, () is mapping, () is sequence, () is iterable, () is callable, () is "
       "escaped]",
       "[True, False, False, False, False, False, False, False, False, False, False, True, True, False, False]"},
      {"[range(2) is defined, range(2) is undefined, range(2) is none, range(2) is boolean, range(2) is true, range(2) "
       "is false, range(2) is integer, range(2) is float, range(2) is number, range(2) is string, range(2) is mapping, "
       "range(2) is sequence, range(2) is iterable, range(2) is callable, range(2) is escaped]",
       "[True, False, False, False, False, False, False, False, False, False, False, True, True, False, False]"},
      {"[dict is defined, dict is undefined, dict is none, dict is boolean, dict is true, dict is false, dict is "
       "integer, dict is float, dict is number, dict is string, dict is mapping, dict is sequence, dict is iterable, "
       "dict is callable, dict is escaped]",
       "[True, False, False, False, False, False, False, False, False, False, False, False, False, True, False]"},
      {"['a'|safe is defined, 'a'|safe is undefined, 'a'|safe is none, 'a'|safe is boolean, 'a'|safe is true, 'a'|safe "
       "is false, 'a'|safe is integer, 'a'|safe is float, 'a'|safe is number, 'a'|safe is string, 'a'|safe is mapping, "
       "'a'|safe is sequence, 'a'|safe is iterable, 'a'|safe is callable, 'a'|safe is escaped]",
       "[True, False, False, False, False, False, False, False, False, True, False, True, True, False, True]"},
  });
}

TEST(IsPredicates, AskForNumbers) {
  expect_expressions({
      {"[1 is odd, 2 is odd, 2 is even, 3 is even, -1 is odd, 1.0 is odd, 0 is even]",
       "[True, False, True, False, True, True, True]"},
      {"[6 is divisibleby 3, 7 is divisibleby(3)]", "[True, False]"},
  });
}

TEST(IsPredicates, AskForCase) {
  expect_expressions({
      {"['ab' is lower, 'aB' is lower, 'AB1' is upper, '1' is upper, '' is lower]",
       "[True, False, True, False, False]"},
  });
}

TEST(IsPredicates, Compare) {
  expect_expressions({
      {"[1 is eq 1, 1 is equalto 2, 1 is ne 2, 1 is lt 2, 1 is lessthan 1, 1 is le 1, 2 is gt 1, 2 is greaterthan 3, 2 "
       "is ge 2]",
       "[True, False, True, True, False, True, True, False, True]"},
      {"[1 is in [1], 2 is in {'a': 1}]", "[True, False]"},
      {"[none is sameas none, true is sameas 1, [] is sameas []]", "[True, False, False]"},
      {"[1, 2, 3]|select('>', 1)|list", "[2, 3]"},
      {"[1, 2]|select('==', 1)|list", "[1]"},
      {"[1, 2]|select('!=', 1)|list", "[2]"},
      {"[1, 2]|select('<=', 1)|list", "[1]"},
      {"[1, 2]|select('<', 2)|list", "[1]"},
      {"[1, 2]|select('>=', 2)|list", "[2]"},
  });
}

TEST(IsPredicates, NameFiltersAndTests) {
  expect_expressions({
      {"['upper' is filter, 'nope' is filter, 'odd' is test, 'upper' is test]", "[True, False, True, True]"},
  });
}

TEST(IsPredicates, RejectWrongUse) {
  expect_expression_errors({
      {"'a' is odd", "not all arguments converted"},
      {"none is even", "unsupported operand types for %"},
      {"1 is divisibleby 0", "division by zero"},
      {"1 is sameas()", "misses the argument 'other'"},
      {"1 is lt 'a'", "'<' is not supported"},
      {"[] is filter", "unhashable type: 'list'"},
  });
}

}  // namespace
}  // namespace braid::jinja
