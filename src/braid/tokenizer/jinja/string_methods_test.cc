#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(StringMethods, Strip) {
  expect_expressions({
      {R"([' a '.strip(), ' a '.lstrip(), ' a '.rstrip(), 'xaxx'.strip('x'), '\u3000a\u2003'.strip()])", R"(['a', 'a ', ' a', 'a', 'a'])"},
      {R"(['abcba'.lstrip('ab'), 'abcba'.rstrip('ab'), 'a'.strip(none)])", R"(['cba', 'abc', 'a'])"},
  });
}

TEST(StringMethods, SplitAndPartition) {
  expect_expressions({
      {R"('a b  c'.split())", R"(['a', 'b', 'c'])"},
      {R"('a,b,,c'.split(','))", R"(['a', 'b', '', 'c'])"},
      {R"('a,b,c'.split(',', 1))", R"(['a', 'b,c'])"},
      {R"('a,b,c'.rsplit(',', 1))", R"(['a,b', 'c'])"},
      {R"(' a  b c '.rsplit(none, 1))", R"([' a  b', 'c'])"},
      {R"(''.split())", R"([])"},
      {R"(''.split(','))", R"([''])"},
      {R"('a\nb\r\nc\u2028d\n'.splitlines())", R"(['a', 'b', 'c', 'd'])"},
      {R"('a\nb'.splitlines(true))", R"(['a\n', 'b'])"},
      {R"('a=b=c'.partition('='))", R"(('a', '=', 'b=c'))"},
      {R"('a=b=c'.rpartition('='))", R"(('a=b', '=', 'c'))"},
      {R"('abc'.partition('='))", R"(('abc', '', ''))"},
      {R"('abc'.rpartition('='))", R"(('', '', 'abc'))"},
  });
}

TEST(StringMethods, FindAndCount) {
  expect_expressions({
      {R"(['abcabc'.find('c'), 'abcabc'.rfind('c'), 'abc'.find('x'), 'abc'.index('b'), 'abcb'.rindex('b')])", R"([2, 5, -1, 1, 3])"},
      {R"(['éabc'.find('b'), 'abcabc'.find('a', 1), 'abcabc'.find('a', 1, 3), 'abc'.find('', 5), 'abc'.rfind('')])", R"([2, 3, -1, -1, 3])"},
      {R"(['aaaa'.count('aa'), 'abc'.count(''), 'abcabc'.count('a', 1)])", R"([2, 4, 1])"},
  });
}

TEST(StringMethods, StartswithAndEndswith) {
  expect_expressions({
      {R"(['abc'.startswith('ab'), 'abc'.startswith('b', 1), 'abc'.startswith(('x', 'a')), 'abc'.startswith('')])", R"([True, True, True, True])"},
      {R"(['abc'.endswith('bc'), 'abc'.endswith('b', 0, 2), 'abc'.endswith(('x',)), 'abc'.endswith(())])", R"([True, True, False, False])"},
      {R"(['abc'.removeprefix('ab'), 'abc'.removeprefix('x'), 'abc'.removesuffix('c'), 'abc'.removesuffix('')])", R"(['c', 'abc', 'ab', 'abc'])"},
  });
}

TEST(StringMethods, ChangeCase) {
  expect_expressions({
      {R"(['aß'.upper(), 'ÀÉ'.lower(), 'hello world'.title(), 'hELLO'.capitalize(), 'aBc'.swapcase(), 'Straße'.casefold()])", R"(['ASS', 'àé', 'Hello World', 'Hello', 'AbC', 'strasse'])"},
      {R"("they're bill's".title())", R"(They'Re Bill'S)"},
  });
}

TEST(StringMethods, ReplaceAndJoin) {
  expect_expressions({
      {R"('aaa'.replace('a', 'b'))", R"(bbb)"},
      {R"('aaa'.replace('a', 'b', 2))", R"(bba)"},
      {R"('ab'.replace('', '-'))", R"(-a-b-)"},
      {R"('-'.join(['a', 'b']))", R"(a-b)"},
      {R"('-'.join('abc'))", R"(a-b-c)"},
      {R"(','.join({'a': 1, 'b': 2}))", R"(a,b)"},
  });
}

TEST(StringMethods, Pad) {
  expect_expressions({
      {R"(['ab'.ljust(4), 'ab'.rjust(4), 'ab'.center(5), 'abc'.center(6), 'ab'.ljust(4, 'é')])", R"(['ab  ', '  ab', '  ab ', ' abc  ', 'abéé'])"},
      {R"(['5'.zfill(3), '-5'.zfill(4), '+5'.zfill(3), 'abc'.zfill(2)])", R"(['005', '-005', '+05', 'abc'])"},
      {R"(['a\tb'.expandtabs(), 'a\tb\n\tc'.expandtabs(4), '\t'.expandtabs(0)])", R"(['a       b', 'a   b\n    c', ''])"},
  });
}

TEST(StringMethods, AskForKindsOfCharacters) {
  expect_expressions({
      {R"(['12'.isdigit(), '²'.isdigit(), '²'.isdecimal(), '½'.isnumeric(), ''.isdigit()])", R"([True, True, False, True, False])"},
      {R"(['aé'.isalpha(), 'a1'.isalpha(), 'a1'.isalnum(), 'a-'.isalnum()])", R"([True, False, True, False])"},
      {R"(['AB1'.isupper(), 'Ab'.isupper(), '1'.isupper(), 'ab1'.islower(), 'aB'.islower()])", R"([True, False, False, True, False])"},
      {R"([' \t'.isspace(), 'a '.isspace(), 'Ab Cd'.istitle(), 'Ab cd'.istitle()])", R"([True, False, True, False])"},
      {R"(['a'.isascii(), 'é'.isascii(), ''.isascii(), 'a\n'.isprintable(), 'é'.isprintable()])", R"([True, False, True, False, True])"},
      {R"(['a_1'.isidentifier(), '1a'.isidentifier(), 'é'.isidentifier(), ''.isidentifier()])", R"([True, False, True, False])"},
  });
}

TEST(StringMethods, RejectWrongArguments) {
  expect_expression_errors({
      {R"('abc'.index('x'))", R"(substring not found)"},
      {R"('a'.split(''))", R"(empty separator)"},
      {R"('a'.partition(''))", R"(empty separator)"},
      {R"('-'.join([1]))", R"(sequence item 0: expected str instance, int found)"},
      {R"('a'.ljust(3, 'ab'))", R"(exactly one character)"},
      {R"('a'.replace(1, 2))", R"(must be a string, not int)"},
      {R"('a'.startswith(1))", R"(must be a string, not int)"},
      {R"('a'.upper(1))", R"(takes at most 0 argument(s))"},
      {R"('a'.nope())", R"('str object' has no attribute 'nope')"},
      {R"('a'.strip(1))", R"(must be a string)"},
      {R"('a{x}'.format_map([]))", R"(format_map() needs a mapping)"},
  });
}

}  // namespace
}  // namespace braid::jinja
