#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(TextFilters, ChangeCase) {
  expect_expressions({
      {"'straße'|upper", "STRASSE"},
      {"'ÀB'|lower", "àb"},
      {"'hELLO wORLD'|capitalize", "Hello world"},
      {R"("they're-here (at) <last> x"|title)", "They're-Here (At) <Last> X"},
      {"5|upper", "5"},
      {"none|lower", "none"},
  });
}

TEST(TextFilters, TrimCenterAndIndent) {
  expect_expressions({
      {R"(['  a b\n'|trim, 'xxaxx'|trim('x'), ' a '|trim(none)])", "['a b', 'a', 'a']"},
      {"['abc'|center(8), 'abc'|center(2), 'ab'|center(5)]", "['  abc   ', 'abc', '  ab ']"},
      {R"(['a\nb\n\nc'|indent, 'a\nb'|indent(2, true), 'a\n\nb'|indent(1, blank=true), 'a\nb'|indent('> ')])",
       R"(['a\n    b\n\n    c', '  a\n  b', 'a\n \n b', 'a\n> b'])"},
  });
}

TEST(TextFilters, ReplaceAndJoin) {
  expect_expressions({
      {"'aaa'|replace('a', 'b')", "bbb"},
      {"'aaa'|replace('a', 'b', 2)", "bba"},
      {"'ab'|replace('', '-')", "-a-b-"},
      {"112|replace(1, 3)", "332"},
      {"[1, 'a', none]|join", "1aNone"},
      {"[1, 2]|join(', ')", "1, 2"},
      {"[{'n': 'a'}, {'n': 'b'}]|join('+', attribute='n')", "a+b"},
      {"'abc'|join('-')", "a-b-c"},
  });
}

TEST(TextFilters, EscapeHtml) {
  expect_expressions({
      {R"('<a href="x">&\'</a>'|escape)", "&lt;a href=&#34;x&#34;&gt;&amp;&#39;&lt;/a&gt;"},
      {"'<'|e", "&lt;"},
      {"'<'|safe|e", "<"},
      {"'<'|safe|forceescape", "&lt;"},
      {"'<'|e|e", "&lt;"},
      {"5|e", "5"},
  });
}

TEST(TextFilters, TruncateAtWords) {
  expect_expressions({
      {"'hello world foo'|truncate(11, leeway=0)", "hello..."},
      {"'hello world foo'|truncate(11, true, leeway=0)", "hello wo..."},
      {"'hello world'|truncate(9)", "hello world"},
      {"'hello world foo bar'|truncate(9, end='…')", "hello…"},
      {"'abc'|truncate(3)", "abc"},
  });
}

TEST(TextFilters, FormatAndUrlencode) {
  expect_expressions({
      {"'%s-%d'|format('a', 1)", "a-1"},
      {"'%(x)s'|format(x=1)", "1"},
      {"'a b/ü?'|urlencode", "a%20b/%C3%BC%3F"},
      {"{'a b': 'c/d', 'e': 1}|urlencode", "a+b=c%2Fd&e=1"},
      {"[('a', 'b c')]|urlencode", "a=b+c"},
  });
}

TEST(TextFilters, StringIsTheText) {
  expect_expressions({
      {"1.0|string", "1.0"},
      {"[1]|string|length", "3"},
      {"none|string ~ '!'", "None!"},
  });
}

TEST(TextFilters, RejectWrongArguments) {
  expect_expression_errors({
      {"'a'|upper(1)", "upper() takes at most 0 argument(s), got 1"},
      {"'a'|replace('b')", "replace() misses the argument 'new'"},
      {"'a'|trim(5)", "trim's chars must be a string, not int"},
      {"5|indent", "must be a string"},
      {"'abc'|truncate(2)", "truncate's length must be at least 3"},
      {"'%s'|format(1, a=2)", "not both"},
      {"5|join", "'int' object is not iterable"},
      {"[1]|urlencode", "urlencode needs pairs"},
      {"[1]|tojson(separators=(1, 2))", "separators must be two strings"},
  });
}

}  // namespace
}  // namespace braid::jinja
