#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(PrintfFormat, FormatsEveryType) {
  expect_expressions({
      {"'%s %r %a' % ('é', 'é', 'é')", R"(é 'é' '\xe9')"},
      {"'%d %i %u' % (1, -2, true)", "1 -2 1"},
      {"'%x %X %o' % (255, 255, 8)", "ff FF 10"},
      {"'%f %e %g %E %G' % (1.5, 1.5, 1.5, 1.5, 1e10)", "1.500000 1.500000e+00 1.5 1.500000E+00 1E+10"},
      {"'%c%c' % ('a', 98)", "ab"},
      {"'100%%' % ()", "100%"},
      {"'%d' % 1.9", "1"},
      {"'%s' % [1]", "[1]"},
      {"'%s' % none", "None"},
  });
}

TEST(PrintfFormat, TakesFlagsWidthAndPrecision) {
  expect_expressions({
      {"'[%5d|%-5d|%05d|%+d|% d]' % (1, 2, 3, 4, 5)", "[    1|2    |00003|+4| 5]"},
      {"'[%#x|%#o]' % (255, 8)", "[0xff|0o10]"},
      {"'[%.2f|%8.3f|%-8.1f|]' % (1.005, 2.5, 3.25)", "[1.00|   2.500|3.2     |]"},
      {"'[%.2s|%5.1s]' % ('abc', 'xyz')", "[ab|    x]"},
      {"'[%*d|%*d|%-*d|%.*f]' % (4, 1, -4, 3, 4, 2, 1, 2.55)", "[   1|3   |2   |2.5]"},
      {"'[%.3d|%08.3d]' % (5, 5)", "[005|00000005]"},
      {"'%5s|%-5s|' % ('é', 'é')", "    é|é    |"},
  });
}

TEST(PrintfFormat, TakesNamesFromAMapping) {
  expect_expressions({
      {"'%(a)s %(b)03d' % {'a': 1, 'b': 2}", "1 002"},
      {"'%(a)s%%' % {'a': 'x', 'c': 0}", "x%"},
  });
}

TEST(PrintfFormat, RejectsWhatDoesNotFit) {
  expect_expression_errors({
      {"'%d' % 'a'", "%d format: a number is required, not str"},
      {"'%s %s' % 1", "not enough arguments for format string"},
      {"'%s' % (1, 2)", "not all arguments converted"},
      {"'%z' % 1", "unsupported format character 'z'"},
      {"'%' % 1", "incomplete format"},
      {"'%(a)s' % 1", "format requires a mapping"},
      {"'%(a)s' % {}", "the format names 'a'"},
      {"'%(a' % {}", "incomplete format key"},
      {"'%f' % 'a'", "must be real number, not str"},
      {"'%c' % 'ab'", "%c requires int or char"},
      {"'%*d' % ('a', 1)", "* wants int"},
      {"'%x' % 1.5", "an integer is required"},
      {"'x' % 1", "not all arguments converted"},
  });
}

}  // namespace
}  // namespace braid::jinja
