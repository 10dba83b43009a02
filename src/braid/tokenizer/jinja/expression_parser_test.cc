#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(ExpressionParser, OperatorsBindAsInPython) {
  expect_expressions({
      {R"(1 + 2 * 3)", R"(7)"},
      {R"((1 + 2) * 3)", R"(9)"},
      {R"(2 ** 3 ** 2)", R"(64)"},
      {R"(-2 ** 2)", R"(4)"},
      {R"(2 ** -1)", R"(0.5)"},
      {R"(7 - 3 - 2)", R"(2)"},
      {R"(8 / 4 / 2)", R"(1.0)"},
      {R"(1 ~ 2 * 3)", R"(16)"},
      {R"(not 1 == 2)", R"(True)"},
      {R"(not 0 and 0)", R"(0)"},
      {R"(1 or 0 and 0)", R"(1)"},
      {R"(1 < 2 < 3)", R"(True)"},
      {R"(1 < 3 < 2)", R"(False)"},
      {R"(1 in [1] == true)", R"(False)"},
      {R"(2 not in [1])", R"(True)"},
      {R"(1 if 0 else 2 if 0 else 3)", R"(3)"},
      {R"(-1|abs)", R"(1)"},
      {R"((-1)|abs)", R"(1)"},
      {R"(1 + 2|string|length)", R"(2)"},
      {R"('a' 'b')", R"(ab)"},
      {R"(1 is number and 2)", R"(2)"},
      {R"(not 1 is string)", R"(True)"},
      {R"(- - 3)", R"(3)"},
      {R"(+3)", R"(3)"},
  });
}

TEST(ExpressionParser, LiteralsAreThoseOfPython) {
  expect_expressions({
      {R"([1, 'a', none, True, false, 1.0])", R"([1, 'a', None, True, False, 1.0])"},
      {R"(())", R"(())"},
      {R"((1,))", R"((1,))"},
      {R"(1, 2)", R"((1, 2))"},
      {R"((1))", R"(1)"},
      {R"([1, 2,])", R"([1, 2])"},
      {R"({'a': 1, 2: [3],})", R"({'a': 1, 2: [3]})"},
      {R"({})", R"({})"},
      {R"([])", R"([])"},
      {R"(None)", R"(None)"},
      {R"([true, True, false, False, none, None])", R"([True, True, False, False, None, None])"},
  });
}

TEST(ExpressionParser, PostfixesFollowEachOther) {
  expect_expressions({
      {R"({'a': [{'b': 'xyz'}]}.a[0].b[1:])", R"(yz)"},
      {R"('a,b'.split(',')[1].upper())", R"(B)"},
      {R"([[1, 2], [3]][0].1)", R"(2)"},
      {R"('abc'[::-1])", R"(cba)"},
      {R"('abcdef'[1:5:2])", R"(bd)"},
      {R"('abc'[:])", R"(abc)"},
      {R"([1, 2, 3][-2:]|first)", R"(2)"},
      {R"(dict(a=1)['a'])", R"(1)"},
      {R"('%s' % 'a'|upper)", R"(A)"},
  });
}

TEST(ExpressionParser, CallsTakeEveryKindOfArgument) {
  expect_expressions({
      {R"(dict([('a', 1)], b=2))", R"({'a': 1, 'b': 2})"},
      {R"(dict(**{'a': 1}))", R"({'a': 1})"},
      {R"(range(*[1, 4])|list)", R"([1, 2, 3])"},
      {R"('{}{x}'.format(1, x=2))", R"(12)"},
      {R"(dict(a=1,))", R"({'a': 1})"},
  });
}

TEST(ExpressionParser, TestsTakeOneArgumentWithoutParentheses) {
  expect_expressions({
      {R"(3 is divisibleby 3)", R"(True)"},
      {R"(3 is divisibleby(2))", R"(False)"},
      {R"(1 is not none)", R"(True)"},
      {R"(1 is in [1, 2])", R"(True)"},
      {R"(1 is sameas 1 or 0)", R"(True)"},
      {R"('a' is eq 'a')", R"(True)"},
      {R"(4 is not odd and 1)", R"(1)"},
  });
}

TEST(ExpressionParser, RejectsBrokenExpressions) {
  expect_expression_errors({
      {R"(1 +)", R"(unexpected)"},
      {R"(f(a=1, 2))", R"()"},
      {R"([1)", R"()"},
      {R"({'a'})", R"(expected ':')"},
      {R"(a.)", R"(expected)"},
      {R"(x[])", R"()"},
      {R"(1 is number is string)", R"(tests cannot be chained)"},
      {R"(x[1, 2])", R"(an index of several parts)"},
      {R"('a'|)", R"(expected a name)"},
      {R"(f(**a, 1))", R"()"},
  });
}

TEST(ExpressionParser, DepthIsBounded) {
  for (const char* open : {"(", "[", "-", "not ", "{1: ", "1 if 1 else ", "f("}) {
    std::string source;
    for (int i = 0; i < 1000; ++i) source += open;
    expect_expression_errors({{source, "nested too deeply"}});
  }
}

}  // namespace
}  // namespace braid::jinja
