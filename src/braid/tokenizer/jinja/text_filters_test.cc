#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(TextFilters, ChangeCase) {
  expect_expressions({
      {R"('straße'|upper)", R"(STRASSE)"},
      {R"('ÀB'|lower)", R"(àb)"},
      {R"('hELLO wORLD'|capitalize)", R"(Hello world)"},
      {R"("they're-here (at) <last> x"|title)", R"(They're-Here (At) <Last> X)"},
      {R"(5|upper)", R"(5)"},
      {R"(none|lower)", R"(none)"},
  });
}

TEST(TextFilters, TrimCenterAndIndent) {
  expect_expressions({
      {R"(['  a b\n'|trim, 'xxaxx'|trim('x'), ' a '|trim(none)])", R"(['a b', 'a', 'a'])"},
      {R"(['abc'|center(8), 'abc'|center(2), 'ab'|center(5)])", R"(['  abc   ', 'abc', '  ab '])"},
      {R"(['a\nb\n\nc'|indent, 'a\nb'|indent(2, true), 'a\n\nb'|indent(1, blank=true), 'a\nb'|indent('> ')])", R"(['a\n    b\n\n    c', '  a\n  b', 'a\n \n b', 'a\n> b'])"},
  });
}

TEST(TextFilters, ReplaceAndJoin) {
  expect_expressions({
      {R"('aaa'|replace('a', 'b'))", R"(bbb)"},
      {R"('aaa'|replace('a', 'b', 2))", R"(bba)"},
      {R"('ab'|replace('', '-'))", R"(-a-b-)"},
      {R"(112|replace(1, 3))", R"(332)"},
      {R"([1, 'a', none]|join)", R"(1aNone)"},
      {R"([1, 2]|join(', '))", R"(1, 2)"},
      {R"([{'n': 'a'}, {'n': 'b'}]|join('+', attribute='n'))", R"(a+b)"},
      {R"('abc'|join('-'))", R"(a-b-c)"},
  });
}

TEST(TextFilters, EscapeHtml) {
  expect_expressions({
      {R"('<a href="x">&\'</a>'|escape)", R"(&lt;a href=&#34;x&#34;&gt;&amp;&#39;&lt;/a&gt;)"},
      {R"('<'|e)", R"(&lt;)"},
      {R"('<'|safe|e)", R"(<)"},
      {R"('<'|safe|forceescape)", R"(&lt;)"},
      {R"('<'|e|e)", R"(&lt;)"},
      {R"(5|e)", R"(5)"},
  });
}

TEST(TextFilters, TruncateAtWords) {
  expect_expressions({
      {R"('hello world foo'|truncate(11, leeway=0))", R"(hello...)"},
      {R"('hello world foo'|truncate(11, true, leeway=0))", R"(hello wo...)"},
      {R"('hello world'|truncate(9))", R"(hello world)"},
      {R"('hello world foo bar'|truncate(9, end='…'))", R"(hello…)"},
      {R"('abc'|truncate(3))", R"(abc)"},
  });
}

TEST(TextFilters, FormatAndUrlencode) {
  expect_expressions({
      {R"('%s-%d'|format('a', 1))", R"(a-1)"},
      {R"('%(x)s'|format(x=1))", R"(1)"},
      {R"('a b/ü?'|urlencode)", R"(a%20b/%C3%BC%3F)"},
      {R"({'a b': 'c/d', 'e': 1}|urlencode)", R"(a+b=c%2Fd&e=1)"},
      {R"([('a', 'b c')]|urlencode)", R"(a=b+c)"},
  });
}

TEST(TextFilters, StringIsTheText) {
  expect_expressions({
      {R"(1.0|string)", R"(1.0)"},
      {R"([1]|string|length)", R"(3)"},
      {R"(none|string ~ '!')", R"(None!)"},
  });
}

TEST(TextFilters, RejectWrongArguments) {
  expect_expression_errors({
      {R"('a'|upper(1))", R"(upper() takes at most 0 argument(s), got 1)"},
      {R"('a'|replace('b'))", R"(replace() misses the argument 'new')"},
      {R"('a'|trim(5))", R"(trim's chars must be a string, not int)"},
      {R"(5|indent)", R"(must be a string)"},
      {R"('abc'|truncate(2))", R"(truncate's length must be at least 3)"},
      {R"('%s'|format(1, a=2))", R"(not both)"},
      {R"(5|join)", R"('int' object is not iterable)"},
      {R"([1]|urlencode)", R"(urlencode needs pairs)"},
  });
}

}  // namespace
}  // namespace braid::jinja
