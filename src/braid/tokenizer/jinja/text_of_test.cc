#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expressions;

TEST(TextOf, EveryValuePrintsAsInPython) {
  expect_expressions({
      {R"(none)", R"(None)"},
      {R"(true)", R"(True)"},
      {R"(-12)", R"(-12)"},
      {R"(170141183460469231731687303715884105727)", R"(170141183460469231731687303715884105727)"},
      {R"(1.0)", R"(1.0)"},
      {R"(1e16)", R"(1e+16)"},
      {R"(1e15)", R"(1000000000000000.0)"},
      {R"(0.0001)", R"(0.0001)"},
      {R"(0.00001)", R"(1e-05)"},
      {R"(1.5e-7)", R"(1.5e-07)"},
      {R"(123456789.123456789)", R"(123456789.12345679)"},
      {R"(1e400)", R"(inf)"},
      {R"('inf'|float)", R"(inf)"},
      {R"('nan'|float)", R"(nan)"},
      {R"('text')", R"(text)"},
      {R"([1, 'a', none, 1.0])", R"([1, 'a', None, 1.0])"},
      {R"((1,))", R"((1,))"},
      {R"(())", R"(())"},
      {R"({'a': [1], 2: (3, 4)})", R"({'a': [1], 2: (3, 4)})"},
      {R"(range(3))", R"(range(0, 3))"},
      {R"(range(1, 9, 2))", R"(range(1, 9, 2))"},
      {R"({'a': 1}.keys())", R"(dict_keys(['a']))"},
      {R"({'a': 1}.values())", R"(dict_values([1]))"},
      {R"({'a': 1}.items())", R"(dict_items([('a', 1)]))"},
      {R"(['<'|safe])", R"([Markup('<')])"},
  });
}

TEST(TextOf, StringsInsideContainersAreQuotedAsReprDoes) {
  expect_expressions({
      {R"(['a', "it's", 'say "x"', "it's \"x\""])", R"(['a', "it's", 'say "x"', 'it\'s "x"'])"},
      {R"(['\n\t\\\x00\x7f'])", R"(['\n\t\\\x00\x7f'])"},
      {R"(['é', '\u200b', '\xad', '\U0001f600', '\ue000'])", R"(['é', '\u200b', '\xad', '😀', '\ue000'])"},
  });
}

}  // namespace
}  // namespace braid::jinja
