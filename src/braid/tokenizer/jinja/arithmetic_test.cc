#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Arithmetic, IntegersFloor) {
  expect_expressions({
      {"[7 // 2, -7 // 2, 7 // -2, -7 // -2]", "[3, -4, -4, 3]"},
      {"[7 % 3, -7 % 3, 7 % -3, -7 % -3]", "[1, 2, -2, -1]"},
      {"[7 / 2, 6 / 2, 2 ** 10, 2 ** -1, 0 ** 0]", "[3.5, 3.0, 1024, 0.5, 1]"},
      {"[true + true, true * 3, -true, +true]", "[2, 3, -1, 1]"},
      {"2 ** 100", "1267650600228229401496703205376"},
      {"-(2 ** 100) // 3", "-422550200076076467165567735126"},
  });
}

TEST(Arithmetic, FloatsAreThoseOfPython) {
  expect_expressions({
      {"[0.1 + 0.2, 1.5 - 3, 2.0 * 3, 7.5 // 2, -7.5 // 2]", "[0.30000000000000004, -1.5, 6.0, 3.0, -4.0]"},
      {"[7.5 % -2, -7.5 % 2, 2 ** 0.5, 1 / 3]", "[-0.5, 0.5, 1.4142135623730951, 0.3333333333333333]"},
      {"[-0.0, 0.0 * -1, 1e308 * 10]", "[-0.0, -0.0, inf]"},
  });
}

TEST(Arithmetic, TextsAndSequencesAddAndRepeat) {
  expect_expressions({
      {"'a' + 'b'", "ab"},
      {"'ab' * 3", "ababab"},
      {"3 * 'ab'", "ababab"},
      {"'a' * -1", ""},
      {"[1] + [2, 3]", "[1, 2, 3]"},
      {"(1,) + (2,)", "(1, 2)"},
      {"[1, 2] * 2", "[1, 2, 1, 2]"},
      {"2 * (0,)", "(0, 0)"},
  });
}

TEST(Arithmetic, MarkedTextEscapesTheOtherSide) {
  expect_expressions({
      {"'<'|safe + '<'", "<&lt;"},
      {"'<' + '<'|safe", "&lt;<"},
      {"'<'|safe + '>'|safe", "<>"},
  });
}

TEST(Arithmetic, RejectsWhatPythonRejects) {
  expect_expression_errors({
      {"1 / 0", "division by zero"},
      {"1 // 0", "division by zero"},
      {"1.0 % 0", "float division by zero"},
      {"0 ** -1", "0 cannot be raised to a negative power"},
      {"1 + 'a'", "unsupported operand types for +: 'int' and 'str'"},
      {"'a' - 'b'", "unsupported operand types for -"},
      {"[1] + (2,)", "'list' and 'tuple'"},
      {"-'a'", "bad operand type for unary -: 'str'"},
      {"+[]", "bad operand type for unary +: 'list'"},
      {"10.0 ** 400", "too large for a float"},
      {"none * 2", "'NoneType' and 'int'"},
  });
}

TEST(Arithmetic, IntegersEndAt128BitsUnlikePythons) {
  expect_expression_errors({
      {"2 ** 127", "beyond 128 bits"},
      {"(2 ** 126) * 2", "beyond 128 bits"},
      {"(2 ** 126 - 1 + 2 ** 126) + 1", "beyond 128 bits"},
      {"-(2 ** 126) - (2 ** 126) - 1", "beyond 128 bits"},
  });
}

}  // namespace
}  // namespace braid::jinja
