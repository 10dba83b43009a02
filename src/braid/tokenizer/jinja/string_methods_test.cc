#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(StringMethods, Strip) {
  expect_expressions({
      {R"([' a '.strip(), ' a '.lstrip(), ' a '.rstrip(), 'xaxx'.strip('x'), '\u3000a\u2003'.strip()])",
       "['a', 'a ', ' a', 'a', 'a']"},
      {"['abcba'.lstrip('ab'), 'abcba'.rstrip('ab'), 'a'.strip(none)]", "['cba', 'abc', 'a']"},
  });
}

TEST(StringMethods, SplitAndPartition) {
  expect_expressions({
      {"'a b  c'.split()", "['a', 'b', 'c']"},
      {"'a,b,,c'.split(',')", "['a', 'b', '', 'c']"},
      {"'a,b,c'.split(',', 1)", "['a', 'b,c']"},
      {"'a,b,c'.rsplit(',', 1)", "['a,b', 'c']"},
      {"' a  b c '.rsplit(none, 1)", "[' a  b', 'c']"},
      {"''.split()", "[]"},
      {"''.split(',')", "['']"},
      {R"('a\nb\r\nc\u2028d\n'.splitlines())", "['a', 'b', 'c', 'd']"},
      {R"('a\nb'.splitlines(true))", R"(['a\n', 'b'])"},
      {"'a=b=c'.partition('=')", "('a', '=', 'b=c')"},
      {"'a=b=c'.rpartition('=')", "('a=b', '=', 'c')"},
      {"'abc'.partition('=')", "('abc', '', '')"},
      {"'abc'.rpartition('=')", "('', '', 'abc')"},
  });
}

TEST(StringMethods, FindAndCount) {
  expect_expressions({
      {"['abcabc'.find('c'), 'abcabc'.rfind('c'), 'abc'.find('x'), 'abc'.index('b'), 'abcb'.rindex('b')]",
       "[2, 5, -1, 1, 3]"},
      {"['éabc'.find('b'), 'abcabc'.find('a', 1), 'abcabc'.find('a', 1, 3), 'abc'.find('', 5), 'abc'.rfind(''), "
       "'abc'.rfind('x')]",
       "[2, 3, -1, -1, 3, -1]"},
      {"['aaaa'.count('aa'), 'abc'.count(''), 'abcabc'.count('a', 1)]", "[2, 4, 1]"},
  });
}

TEST(StringMethods, StartswithAndEndswith) {
  expect_expressions({
      {"['abc'.startswith('ab'), 'abc'.startswith('b', 1), 'abc'.startswith(('x', 'a')), 'abc'.startswith('')]",
       "[True, True, True, True]"},
      {"['abc'.endswith('bc'), 'abc'.endswith('b', 0, 2), 'abc'.endswith(('x',)), 'abc'.endswith(()), "
       "'abc'.startswith(('x', 'y'))]",
       "[True, True, False, False, False]"},
      {"['abc'.removeprefix('ab'), 'abc'.removeprefix('x'), 'abc'.removesuffix('c'), 'abc'.removesuffix('')]",
       "['c', 'abc', 'ab', 'abc']"},
  });
}

TEST(StringMethods, ChangeCase) {
  expect_expressions({
      {"['aß'.upper(), 'ÀÉ'.lower(), 'hello world'.title(), 'hELLO'.capitalize(), 'aBc'.swapcase(), "
       "'Straße'.casefold()]",
       "['ASS', 'àé', 'Hello World', 'Hello', 'AbC', 'strasse']"},
      {R"("they're bill's".title())", "They'Re Bill'S"},
  });
}

TEST(StringMethods, ReplaceAndJoin) {
  expect_expressions({
      {"'aaa'.replace('a', 'b')", "bbb"},
      {"'aaa'.replace('a', 'b', 2)", "bba"},
      {"'ab'.replace('', '-')", "-a-b-"},
      {"'-'.join(['a', 'b'])", "a-b"},
      {"'-'.join('abc')", "a-b-c"},
      {"','.join({'a': 1, 'b': 2})", "a,b"},
  });
}

TEST(StringMethods, Pad) {
  expect_expressions({
      {"['ab'.ljust(4), 'ab'.rjust(4), 'ab'.center(5), 'abc'.center(6), 'ab'.ljust(4, 'é'), 'ab'.rjust(4, '*'), "
       "'ab'.center(5, '*')]",
       "['ab  ', '  ab', '  ab ', ' abc  ', 'abéé', '**ab', '**ab*']"},
      {"['5'.zfill(3), '-5'.zfill(4), '+5'.zfill(3), 'abc'.zfill(2)]", "['005', '-005', '+05', 'abc']"},
      {R"(['a\tb'.expandtabs(), 'a\tb\n\tc'.expandtabs(4), '\t'.expandtabs(0)])",
       R"(['a       b', 'a   b\n    c', ''])"},
  });
}

TEST(StringMethods, AskForKindsOfCharacters) {
  expect_expressions({
      {"['12'.isdigit(), '²'.isdigit(), '²'.isdecimal(), '½'.isnumeric(), ''.isdigit()]",
       "[True, True, False, True, False]"},
      {"['aé'.isalpha(), 'a1'.isalpha(), 'a1'.isalnum(), 'a-'.isalnum()]", "[True, False, True, False]"},
      {"['AB1'.isupper(), 'Ab'.isupper(), '1'.isupper(), 'ab1'.islower(), 'aB'.islower()]",
       "[True, False, False, True, False]"},
      {R"([' \t'.isspace(), 'a '.isspace(), 'Ab Cd'.istitle(), 'Ab cd'.istitle()])", "[True, False, True, False]"},
      {R"(['a'.isascii(), 'é'.isascii(), ''.isascii(), 'a\n'.isprintable(), 'é'.isprintable()])",
       "[True, False, True, False, True]"},
      {"['a_1'.isidentifier(), '1a'.isidentifier(), 'é'.isidentifier(), ''.isidentifier()]",
       "[True, False, True, False]"},
  });
}

TEST(StringMethods, RejectWrongArguments) {
  expect_expression_errors({
      {"'abc'.index('x')", "substring not found"},
      {"'abc'.rindex('x')", "substring not found"},
      {"'a'.split('')", "empty separator"},
      {"'a'.partition('')", "empty separator"},
      {"'-'.join([1])", "sequence item 0: expected str instance, int found"},
      {"'a'.ljust(3, 'ab')", "exactly one character"},
      {"'a'.replace(1, 2)", "must be a string, not int"},
      {"'a'.startswith(1)", "must be a string, not int"},
      {"'a'.upper(1)", "takes at most 0 argument(s)"},
      {"'a'.nope()", "'str object' has no attribute 'nope'"},
      {"'a'.strip(1)", "must be a string"},
      {"'a{x}'.format_map([])", "format_map() needs a mapping"},
  });
}

}  // namespace
}  // namespace braid::jinja
