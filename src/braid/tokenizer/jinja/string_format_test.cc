#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(StringFormat, TakesPositionsNamesAndPaths) {
  expect_expressions({
      {"'{} {}'.format(1, 'a')", "1 a"},
      {"'{1} {0} {1}'.format(1, 2)", "2 1 2"},
      {"'{a} {b}'.format(a=1, b=2)", "1 2"},
      {"'{a[k]} {0[1]}'.format([5, 6], a={'k': 7})", "7 6"},
      {"'{{}} {{{}}}'.format(1)", "{} {1}"},
      {"'{a.b}'.format(a={'b': 1})", "1"},
      {"'{x}'.format_map({'x': 3})", "3"},
  });
}

TEST(StringFormat, TakesConversionsAndNestedSpecifications) {
  expect_expressions({
      {"'{!r} {!s} {!a}'.format('é', 'é', 'é')", R"('é' é '\xe9')"},
      {"'[{:>{}}]'.format('a', 5)", "[    a]"},
      {"'[{:{f}^{w}}]'.format('a', f='*', w=5)", "[**a**]"},
      {"'[{!r:>5}]'.format('a')", "[  'a']"},
      {"'{:}'.format([1])", "[1]"},
  });
}

TEST(StringFormat, RejectsBrokenFields) {
  expect_expression_errors({
      {"'{'.format(1)", ""},
      {"'}'.format(1)", "Single '}' encountered in format string"},
      {"'{} {}'.format(1)", "Replacement index 1 out of range"},
      {"'{a}'.format(1)", "the format names 'a'"},
      {"'{0} {}'.format(1, 2)", "cannot mix numbered fields"},
      {"'{!x}'.format(1)", "unknown conversion 'x'"},
      {"'{!rr}'.format(1)", "a conversion in a format is one character"},
      {"'{0[}'.format(1)", ""},
      {"'{0[1]x}'.format([1, 2])", "Only '.' or '['"},
      {"'{0.}'.format(1)", "Empty attribute in format string"},
      {"'{:5}'.format([1])", "unsupported format string passed to list.__format__"},
      {"'{:{:{}}}'.format(1, 2, 3)", "Max string recursion exceeded"},
  });
}

}  // namespace
}  // namespace braid::jinja
