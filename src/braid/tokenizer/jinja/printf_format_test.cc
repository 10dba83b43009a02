#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(PrintfFormat, FormatsEveryType) {
  expect_expressions({
      {R"('%s %r %a' % ('é', 'é', 'é'))", R"(é 'é' '\xe9')"},
      {R"('%d %i %u' % (1, -2, true))", R"(1 -2 1)"},
      {R"('%x %X %o' % (255, 255, 8))", R"(ff FF 10)"},
      {R"('%f %e %g %E %G' % (1.5, 1.5, 1.5, 1.5, 1e10))", R"(1.500000 1.500000e+00 1.5 1.500000E+00 1E+10)"},
      {R"('%c%c' % ('a', 98))", R"(ab)"},
      {R"('100%%' % ())", R"(100%)"},
      {R"('%d' % 1.9)", R"(1)"},
      {R"('%s' % [1])", R"([1])"},
      {R"('%s' % none)", R"(None)"},
  });
}

TEST(PrintfFormat, TakesFlagsWidthAndPrecision) {
  expect_expressions({
      {R"('[%5d|%-5d|%05d|%+d|% d]' % (1, 2, 3, 4, 5))", R"([    1|2    |00003|+4| 5])"},
      {R"('[%#x|%#o]' % (255, 8))", R"([0xff|0o10])"},
      {R"('[%.2f|%8.3f|%-8.1f|]' % (1.005, 2.5, 3.25))", R"([1.00|   2.500|3.2     |])"},
      {R"('[%.2s|%5.1s]' % ('abc', 'xyz'))", R"([ab|    x])"},
      {R"('[%*d|%-*d|%.*f]' % (4, 1, 4, 2, 1, 2.55))", R"([   1|2   |2.5])"},
      {R"('[%.3d|%08.3d]' % (5, 5))", R"([005|00000005])"},
      {R"('%5s|%-5s|' % ('é', 'é'))", R"(    é|é    |)"},
  });
}

TEST(PrintfFormat, TakesNamesFromAMapping) {
  expect_expressions({
      {R"('%(a)s %(b)03d' % {'a': 1, 'b': 2})", R"(1 002)"},
      {R"('%(a)s%%' % {'a': 'x', 'c': 0})", R"(x%)"},
  });
}

TEST(PrintfFormat, RejectsWhatDoesNotFit) {
  expect_expression_errors({
      {R"('%d' % 'a')", R"(%d format: a number is required, not str)"},
      {R"('%s %s' % 1)", R"(not enough arguments for format string)"},
      {R"('%s' % (1, 2))", R"(not all arguments converted)"},
      {R"('%z' % 1)", R"(unsupported format character 'z')"},
      {R"('%' % 1)", R"(incomplete format)"},
      {R"('%(a)s' % 1)", R"(format requires a mapping)"},
      {R"('%(a)s' % {})", R"(the format names 'a')"},
      {R"('%(a' % {})", R"(incomplete format key)"},
      {R"('%f' % 'a')", R"(must be real number, not str)"},
      {R"('%c' % 'ab')", R"(%c requires int or char)"},
      {R"('%*d' % ('a', 1))", R"(* wants int)"},
      {R"('%x' % 1.5)", R"(an integer is required)"},
      {R"('x' % 1)", R"(not all arguments converted)"},
  });
}

}  // namespace
}  // namespace braid::jinja
