#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expressions;

TEST(StringLiteral, EscapesAreThoseOfPython) {
  expect_expressions({
      {R"(['\n\t\r', '\\', '\'', "\"", '\a\b\f\v'])", R"(['\n\t\r', '\\', "'", '"', '\x07\x08\x0c\x0b'])"},
      {R"('\101\x41\u0041\U00000041\60')", "AAAA0"},
      {R"('\q\.')", R"(\q\.)"},
      {R"(['\0', '\18', '\xe9', '\ud7ff', '\U0001f600'])", R"(['\x00', '\x018', 'é', '\ud7ff', '😀'])"},
      {"'a\\\nb'", "ab"},
  });
}

TEST(StringLiteral, BrokenEscapesAreErrors) {
  testing::expect_expression_errors({
      {R"('\x4')", "a string has a broken \\x escape"},
      {R"('\u12')", "a string has a broken \\u escape"},
      {R"('\U0011')", "a string has a broken \\U escape"},
      {R"('\U00110000')", "a string has an escape that is no character"},
      {R"('\N{BULLET}')", "escapes are not supported"},
  });
}

}  // namespace
}  // namespace braid::jinja
