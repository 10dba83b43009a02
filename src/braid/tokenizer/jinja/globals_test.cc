#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;
using testing::expect_templates;

TEST(Globals, RangeIsThatOfPython) {
  expect_expressions({
      {R"(range(3)|list)", R"([0, 1, 2])"},
      {R"(range(1, 4)|list)", R"([1, 2, 3])"},
      {R"(range(5, 0, -2)|list)", R"([5, 3, 1])"},
      {R"(range(3, 1)|list)", R"([])"},
      {R"(range(0))", R"(range(0, 0))"},
  });
}

TEST(Globals, DictAndNamespaceTakePairsAndNames) {
  expect_expressions({
      {R"(dict())", R"({})"},
      {R"(dict(a=1))", R"({'a': 1})"},
      {R"(dict([('a', 1), ['b', 2]], c=3))", R"({'a': 1, 'b': 2, 'c': 3})"},
      {R"(dict({'a': 1}, a=2))", R"({'a': 2})"},
      {R"(namespace(a=1).a)", R"(1)"},
      {R"(namespace({'b': 2}, c=3).c)", R"(3)"},
      {R"(namespace().x is defined)", R"(False)"},
  });
}

TEST(Globals, CyclerGoesRound) {
  expect_templates({
      {R"({% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.next() }})", R"(abbaNonea)"},
  });
}

TEST(Globals, JoinerSkipsTheFirstCall) {
  expect_templates({
      {R"({% set j = joiner('|') %}{% for x in 'abc' %}{{ j() }}{{ x }}{% endfor %}{% set k = joiner() %}{{ k() }}{{ k() }})", R"(a|b|c, )"},
  });
}

TEST(Globals, StrftimeNowTakesDirectives) {
  expect_expressions({
      {R"(strftime_now('%Y-%m-%d %H:%M:%S'))", R"(2026-03-09 04:05:06)"},
      {R"(strftime_now('%A %d %B %y, %j %%'))", R"(Monday 09 March 26, 068 %)"},
      {R"(strftime_now('%b %a %p %I [%Z%z] %f'))", R"(Mar Mon AM 04 [] 000000)"},
      {R"(strftime_now(''))", R"()"},
      {R"(strftime_now('%-d'))", R"(9)"},
  });
}

TEST(Globals, RejectWrongUse) {
  expect_expression_errors({
      {R"(range(10 ** 6))", R"(range too big)"},
      {R"(range(1, 2, 0))", R"(range() arg 3 must not be zero)"},
      {R"(range('a'))", R"(must be an integer, not str)"},
      {R"(range())", R"(misses the argument)"},
      {R"(dict(1))", R"()"},
      {R"(dict([1]))", R"(dict() needs pairs)"},
      {R"(cycler())", R"(at least one item has to be provided)"},
      {R"(raise_exception('Only this: ' ~ 5))", R"(line 1: Only this: 5)"},
      {R"(namespace(_a=1))", R"(underscore-prefixed attribute '_a')"},
      {R"(strftime_now())", R"(misses the argument)"},
  });
}

}  // namespace
}  // namespace braid::jinja
