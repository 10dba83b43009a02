#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(StringFormat, TakesPositionsNamesAndPaths) {
  expect_expressions({
      {R"('{} {}'.format(1, 'a'))", R"(1 a)"},
      {R"('{1} {0} {1}'.format(1, 2))", R"(2 1 2)"},
      {R"('{a} {b}'.format(a=1, b=2))", R"(1 2)"},
      {R"('{a[k]} {0[1]}'.format([5, 6], a={'k': 7}))", R"(7 6)"},
      {R"('{{}} {{{}}}'.format(1))", R"({} {1})"},
      {R"('{a.b}'.format(a={'b': 1}))", R"(1)"},
      {R"('{x}'.format_map({'x': 3}))", R"(3)"},
  });
}

TEST(StringFormat, TakesConversionsAndNestedSpecifications) {
  expect_expressions({
      {R"('{!r} {!s} {!a}'.format('é', 'é', 'é'))", R"('é' é '\xe9')"},
      {R"('[{:>{}}]'.format('a', 5))", R"([    a])"},
      {R"('[{:{f}^{w}}]'.format('a', f='*', w=5))", R"([**a**])"},
      {R"('[{!r:>5}]'.format('a'))", R"([  'a'])"},
      {R"('{:}'.format([1]))", R"([1])"},
  });
}

TEST(StringFormat, RejectsBrokenFields) {
  expect_expression_errors({
      {R"('{'.format(1))", R"()"},
      {R"('}'.format(1))", R"(Single '}' encountered in format string)"},
      {R"('{} {}'.format(1))", R"(Replacement index 1 out of range)"},
      {R"('{a}'.format(1))", R"(the format names 'a')"},
      {R"('{0} {}'.format(1, 2))", R"(cannot mix numbered fields)"},
      {R"('{!x}'.format(1))", R"(unknown conversion 'x')"},
      {R"('{!rr}'.format(1))", R"(a conversion in a format is one character)"},
      {R"('{0[}'.format(1))", R"()"},
      {R"('{0[1]x}'.format([1, 2]))", R"(Only '.' or '[')"},
      {R"('{0.}'.format(1))", R"(Empty attribute in format string)"},
      {R"('{:5}'.format([1]))", R"(unsupported format string passed to list.__format__)"},
      {R"('{:{:{}}}'.format(1, 2, 3))", R"(Max string recursion exceeded)"},
  });
}

}  // namespace
}  // namespace braid::jinja
