#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(NumberFilters, IntReadsNumbers) {
  expect_expressions({
      {"['42'|int, ' 7 '|int, '-5'|int, '+5'|int, '1_0'|int, '٣'|int]", "[42, 7, -5, 5, 10, 3]"},
      {"['42.9'|int, '1e3'|int, 3.99|int, -3.99|int, true|int]", "[42, 1000, 3, -3, 1]"},
      {"['0x1f'|int(base=16), 'ff'|int(0, 16), '0b11'|int(0, 2), '0o17'|int(base=0), 'z'|int(base=36)]",
       "[31, 255, 3, 15, 35]"},
      {"['x'|int, 'x'|int(5), ''|int(-1), none|int, [1]|int(2), '08'|int(9, 0)]", "[0, 5, -1, 0, 2, 8]"},
  });
}

TEST(NumberFilters, FloatReadsNumbers) {
  expect_expressions({
      {"['1.5'|float, ' -2 '|float, '1_0.5'|float, '1e3'|float, 'inf'|float, '-Infinity'|float]",
       "[1.5, -2.0, 10.5, 1000.0, inf, -inf]"},
      {"['x'|float, 'x'|float(2.5), none|float(1), 3|float, true|float, '1__0'|float]", "[0.0, 2.5, 1, 3.0, 1.0, 0.0]"},
  });
}

TEST(NumberFilters, RoundIsThatOfPython) {
  expect_expressions({
      {"[42.55|round(1), 2.5|round, 3.5|round, -2.5|round, 2.675|round(2)]", "[42.5, 2.0, 4.0, -2.0, 2.67]"},
      {"[42.55|round(1, 'floor'), 42.51|round(1, 'ceil'), -1.5|round(0, 'floor')]", "[42.5, 42.6, -2.0]"},
      {"[1250|round(-2), 1350|round(-2), 1234.5|round(-2), 7|round]", "[1200, 1400, 1200.0, 7]"},
      {"[2.5|round(none), 3.7|round(none)]", "[2, 4]"},
  });
}

TEST(NumberFilters, AbsLengthAndSum) {
  expect_expressions({
      {"[-3|abs, (-3)|abs, (-2.5)|abs, true|abs]", "[3, 3, 2.5, 1]"},
      {"['héé'|length, [1, 2]|count, {'a': 1}|length, range(5)|length, missing|length]", "[3, 2, 1, 5, 0]"},
      {"[[1, 2.5]|sum, []|sum, [1]|sum(start=10), [{'a': 1}, {'a': 2}]|sum(attribute='a'), [[1], [2]]|sum(start=[])]",
       "[3.5, 0, 11, 3, [1, 2]]"},
      {"'one two-three_x  4'|wordcount", "4"},
  });
}

TEST(NumberFilters, RejectWrongValues) {
  expect_expression_errors({
      {"'a'|abs", "bad operand type for abs(): 'str'"},
      {"missing|int", "'missing' is undefined"},
      {"5|length", "object of type 'int' has no len()"},
      {"['a']|sum", "unsupported operand types for +"},
      {"1.5|round(1, 'x')", "round's method must be common, ceil or floor"},
      {"'a'|round", "cannot be rounded"},
      {"['a']|sum(start='')", "sum() cannot add strings"},
  });
}

}  // namespace
}  // namespace braid::jinja
