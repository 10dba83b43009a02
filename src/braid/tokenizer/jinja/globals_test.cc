#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;
using testing::expect_templates;

TEST(Globals, RangeIsThatOfPython) {
  expect_expressions({
      {"range(3)|list", "[0, 1, 2]"},
      {"range(1, 4)|list", "[1, 2, 3]"},
      {"range(5, 0, -2)|list", "[5, 3, 1]"},
      {"range(3, 1)|list", "[]"},
      {"range(0)", "range(0, 0)"},
  });
}

TEST(Globals, DictAndNamespaceTakePairsAndNames) {
  expect_expressions({
      {"dict()", "{}"},
      {"dict(a=1)", "{'a': 1}"},
      {"dict([('a', 1), ['b', 2]], c=3)", "{'a': 1, 'b': 2, 'c': 3}"},
      {"dict({'a': 1}, a=2)", "{'a': 2}"},
      {"namespace(a=1).a", "1"},
      {"namespace({'b': 2}, c=3).c", "3"},
      {"namespace().x is defined", "False"},
  });
}

TEST(Globals, CyclerGoesRound) {
  expect_templates({
      {"{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ "
       "c.next() }}",
       "abbaNonea"},
  });
}

TEST(Globals, JoinerSkipsTheFirstCall) {
  expect_templates({
      {"{% set j = joiner('|') %}{% for x in 'abc' %}{{ j() }}{{ x }}{% endfor %}{% set k = joiner() %}{{ k() }}{{ k() "
       "}}",
       "a|b|c, "},
  });
}

TEST(Globals, StrftimeNowTakesDirectives) {
  expect_expressions({
      {"strftime_now('%Y-%m-%d %H:%M:%S')", "2026-03-09 04:05:06"},
      {"strftime_now('%A %d %B %y, %j %%')", "Monday 09 March 26, 068 %"},
      {"strftime_now('%b %a %p %I [%Z%z] %f')", "Mar Mon AM 04 [] 000000"},
      {"strftime_now('')", ""},
      {"strftime_now('%-d')", "9"},
  });
}

TEST(Globals, RejectWrongUse) {
  expect_expression_errors({
      {"range(10 ** 6)", "range too big"},
      {"range(1, 2, 0)", "range() arg 3 must not be zero"},
      {"range('a')", "must be an integer, not str"},
      {"range()", "misses the argument"},
      {"dict(1)", ""},
      {"dict([1])", "dict() needs pairs"},
      {"dict({}, {})", "dict expected at most 1 argument, got 2"},
      {"dict(missing)", "'missing' is undefined"},
      {"cycler()", "at least one item has to be provided"},
      {"raise_exception('Only this: ' ~ 5)", "line 1: Only this: 5"},
      {"namespace(_a=1)", "underscore-prefixed attribute '_a'"},
      {"strftime_now()", "misses the argument"},
  });
}

}  // namespace
}  // namespace braid::jinja
