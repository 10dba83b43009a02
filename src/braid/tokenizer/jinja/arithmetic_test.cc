#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Arithmetic, IntegersFloor) {
  expect_expressions({
      {R"([7 // 2, -7 // 2, 7 // -2, -7 // -2])", R"([3, -4, -4, 3])"},
      {R"([7 % 3, -7 % 3, 7 % -3, -7 % -3])", R"([1, 2, -2, -1])"},
      {R"([7 / 2, 6 / 2, 2 ** 10, 2 ** -1, 0 ** 0])", R"([3.5, 3.0, 1024, 0.5, 1])"},
      {R"([true + true, true * 3, -true, +true])", R"([2, 3, -1, 1])"},
      {R"(2 ** 100)", R"(1267650600228229401496703205376)"},
      {R"(-(2 ** 100) // 3)", R"(-422550200076076467165567735126)"},
  });
}

TEST(Arithmetic, FloatsAreThoseOfPython) {
  expect_expressions({
      {R"([0.1 + 0.2, 1.5 - 3, 2.0 * 3, 7.5 // 2, -7.5 // 2])", R"([0.30000000000000004, -1.5, 6.0, 3.0, -4.0])"},
      {R"([7.5 % -2, -7.5 % 2, 2 ** 0.5, 1 / 3])", R"([-0.5, 0.5, 1.4142135623730951, 0.3333333333333333])"},
      {R"([-0.0, 0.0 * -1, 1e308 * 10])", R"([-0.0, -0.0, inf])"},
  });
}

TEST(Arithmetic, TextsAndSequencesAddAndRepeat) {
  expect_expressions({
      {R"('a' + 'b')", R"(ab)"},
      {R"('ab' * 3)", R"(ababab)"},
      {R"(3 * 'ab')", R"(ababab)"},
      {R"('a' * -1)", R"()"},
      {R"([1] + [2, 3])", R"([1, 2, 3])"},
      {R"((1,) + (2,))", R"((1, 2))"},
      {R"([1, 2] * 2)", R"([1, 2, 1, 2])"},
      {R"(2 * (0,))", R"((0, 0))"},
  });
}

TEST(Arithmetic, MarkedTextEscapesTheOtherSide) {
  expect_expressions({
      {R"('<'|safe + '<')", R"(<&lt;)"},
      {R"('<' + '<'|safe)", R"(&lt;<)"},
      {R"('<'|safe + '>'|safe)", R"(<>)"},
  });
}

TEST(Arithmetic, RejectsWhatPythonRejects) {
  expect_expression_errors({
      {R"(1 / 0)", R"(division by zero)"},
      {R"(1 // 0)", R"(division by zero)"},
      {R"(1.0 % 0)", R"(float division by zero)"},
      {R"(0 ** -1)", R"(0 cannot be raised to a negative power)"},
      {R"(1 + 'a')", R"(unsupported operand types for +: 'int' and 'str')"},
      {R"('a' - 'b')", R"(unsupported operand types for -)"},
      {R"([1] + (2,))", R"('list' and 'tuple')"},
      {R"(-'a')", R"(bad operand type for unary -: 'str')"},
      {R"(+[])", R"(bad operand type for unary +: 'list')"},
      {R"(10.0 ** 400)", R"(too large for a float)"},
      {R"(none * 2)", R"('NoneType' and 'int')"},
  });
}

TEST(Arithmetic, IntegersEndAt128BitsUnlikePythons) {
  expect_expression_errors({
      {R"(2 ** 127)", R"(beyond 128 bits)"},
      {R"((2 ** 126) * 2)", R"(beyond 128 bits)"},
      {R"((2 ** 126 - 1 + 2 ** 126) + 1)", R"(beyond 128 bits)"},
      {R"(-(2 ** 126) - (2 ** 126) - 1)", R"(beyond 128 bits)"},
  });
}

}  // namespace
}  // namespace braid::jinja
