#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expressions;

TEST(TextOf, EveryValuePrintsAsInPython) {
  expect_expressions({
      {"none", "None"},
      {"true", "True"},
      {"-12", "-12"},
      {"170141183460469231731687303715884105727", "170141183460469231731687303715884105727"},
      {"1.0", "1.0"},
      {"1e16", "1e+16"},
      {"1e15", "1000000000000000.0"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"1.5e-7", "1.5e-07"},
      {"123456789.123456789", "123456789.12345679"},
      {"1e400", "inf"},
      {"'inf'|float", "inf"},
      {"'nan'|float", "nan"},
      {"'text'", "text"},
      {"[1, 'a', none, 1.0]", "[1, 'a', None, 1.0]"},
      {"(1,)", "(1,)"},
      {"()", "()"},
      {"{'a': [1], 2: (3, 4)}", "{'a': [1], 2: (3, 4)}"},
      {"range(3)", "range(0, 3)"},
      {"range(1, 9, 2)", "range(1, 9, 2)"},
      {"{'a': 1}.keys()", "dict_keys(['a'])"},
      {"{'a': 1}.values()", "dict_values([1])"},
      {"{'a': 1}.items()", "dict_items([('a', 1)])"},
      {"['<'|safe]", "[Markup('<')]"},
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
