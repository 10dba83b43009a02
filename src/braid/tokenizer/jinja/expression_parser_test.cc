#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(ExpressionParser, OperatorsBindAsInPython) {
  expect_expressions({
      {"1 + 2 * 3", "7"},
      {"(1 + 2) * 3", "9"},
      {"2 ** 3 ** 2", "64"},
      {"-2 ** 2", "4"},
      {"2 ** -1", "0.5"},
      {"7 - 3 - 2", "2"},
      {"8 / 4 / 2", "1.0"},
      {"1 ~ 2 * 3", "16"},
      {"not 1 == 2", "True"},
      {"not 0 and 0", "0"},
      {"1 or 0 and 0", "1"},
      {"1 < 2 < 3", "True"},
      {"1 < 3 < 2", "False"},
      {"1 in [1] == true", "False"},
      {"2 not in [1]", "True"},
      {"1 if 0 else 2 if 0 else 3", "3"},
      {"-1|abs", "1"},
      {"(-1)|abs", "1"},
      {"1 + 2|string|length", "2"},
      {"'a' 'b'", "ab"},
      {"1 is number and 2", "2"},
      {"not 1 is string", "True"},
      {"- - 3", "3"},
      {"+3", "3"},
  });
}

TEST(ExpressionParser, LiteralsAreThoseOfPython) {
  expect_expressions({
      {"[1, 'a', none, True, false, 1.0]", "[1, 'a', None, True, False, 1.0]"},
      {"()", "()"},
      {"(1,)", "(1,)"},
      {"1, 2", "(1, 2)"},
      {"(1)", "1"},
      {"[1, 2,]", "[1, 2]"},
      {"{'a': 1, 2: [3],}", "{'a': 1, 2: [3]}"},
      {"{}", "{}"},
      {"[]", "[]"},
      {"None", "None"},
      {"[true, True, false, False, none, None]", "[True, True, False, False, None, None]"},
  });
}

TEST(ExpressionParser, PostfixesFollowEachOther) {
  expect_expressions({
      {"{'a': [{'b': 'xyz'}]}.a[0].b[1:]", "yz"},
      {"'a,b'.split(',')[1].upper()", "B"},
      {"[[1, 2], [3]][0].1", "2"},
      {"'abc'[::-1]", "cba"},
      {"'abcdef'[1:5:2]", "bd"},
      {"'abc'[:]", "abc"},
      {"[1, 2, 3][-2:]|first", "2"},
      {"dict(a=1)['a']", "1"},
      {"'%s' % 'a'|upper", "A"},
  });
}

TEST(ExpressionParser, CallsTakeEveryKindOfArgument) {
  expect_expressions({
      {"dict([('a', 1)], b=2)", "{'a': 1, 'b': 2}"},
      {"dict(**{'a': 1})", "{'a': 1}"},
      {"range(*[1, 4])|list", "[1, 2, 3]"},
      {"'{}{x}'.format(1, x=2)", "12"},
      {"dict(a=1,)", "{'a': 1}"},
  });
}

TEST(ExpressionParser, TestsTakeOneArgumentWithoutParentheses) {
  expect_expressions({
      {"3 is divisibleby 3", "True"},
      {"3 is divisibleby(2)", "False"},
      {"1 is not none", "True"},
      {"1 is in [1, 2]", "True"},
      {"1 is sameas 1 or 0", "True"},
      {"'a' is eq 'a'", "True"},
      {"4 is not odd and 1", "1"},
  });
}

TEST(ExpressionParser, RejectsBrokenExpressions) {
  expect_expression_errors({
      {"1 +", "unexpected"},
      {"f(a=1, 2)", ""},
      {"[1", ""},
      {"{'a'}", "expected ':'"},
      {"a.", "expected"},
      {"x[]", ""},
      {"1 is number is string", "tests cannot be chained"},
      {"x[1, 2]", "an index of several parts"},
      {"'a'|", "expected a name"},
      {"f(**a, 1)", ""},
      {"1|a.b", "no filter named 'a.b'"},
      {"1 is a.b", "no test named 'a.b'"},
  });
}

TEST(ExpressionParser, DepthIsBounded) {
  struct Brackets {
    std::string_view open;
    std::string_view close;
  };
  for (const auto& [open, close] : std::initializer_list<Brackets>{
           {"(", ")"}, {"[", "]"}, {"{1: ", "}"}, {"f(", ")"}, {"-", ""}, {"not ", ""}, {"1 if 1 else ", ""}}) {
    std::string source = "{{ ";
    for (int i = 0; i < 1000; ++i) source += open;
    source += '1';
    for (int i = 0; i < 1000; ++i) source += close;
    const auto text = testing::render_template(source + " }}");
    ASSERT_FALSE(text.ok()) << open;
    EXPECT_NE(text.error().message.find("nested too deeply"), std::string::npos) << open << text.error().message;
  }
}

}  // namespace
}  // namespace braid::jinja
