#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Operators, ComparesAsPythonDoes) {
  expect_expressions({
      {"[1 == 1.0, 1 == true, '1' == 1, none == none, none == 0]", "[True, True, False, True, False]"},
      {"[[1, 2] == [1, 2], [1] == (1,), (1,) == (1,), [1, [2]] == [1, [3]]]", "[True, False, True, False]"},
      {"{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", "True"},
      {"['a' < 'b', 'Z' < 'a', 'a' < 'ab', 'é' > 'z']", "[True, True, True, True]"},
      {"[[1, 2] < [1, 3], [1] < [1, 0], (2,) > (1, 5)]", "[True, True, True]"},
      {"[1 <= 1, 2 >= 3, 1 != 1.5, 2.5 > 2]", "[True, False, True, True]"},
      {"range(3) == range(0, 3)", "True"},
      {"[float_nan is undefined, 'nan'|float == 'nan'|float]", "[True, False]"},
  });
}

TEST(Operators, RejectsComparisonsWithoutAnOrder) {
  expect_expression_errors({
      {"1 < 'a'", "'<' is not supported between 'int' and 'str'"},
      {"none < 1", "'NoneType' and 'int'"},
      {"[1] < (1,)", "'list' and 'tuple'"},
      {"{} < {}", "'dict' and 'dict'"},
      {"missing < 1", "'missing' is undefined"},
  });
}

TEST(Operators, InLooksIntoContainers) {
  expect_expressions({
      {"['b' in 'abc', '' in '', 'x' in 'abc']", "[True, True, False]"},
      {"[1 in [1.0], 2 in (1,), [1] in [[1]]]", "[True, False, True]"},
      {"['a' in {'a': 1}, 1 in {'a': 1}]", "[True, False]"},
      {"[2 in range(3), 'a' in {'a': 1}.keys(), 1 in {'a': 1}.values()]", "[True, True, True]"},
      {"1 not in [1]", "False"},
  });
}

TEST(Operators, InNeedsAContainer) {
  expect_expression_errors({
      {"1 in 5", "argument of type 'int' is not iterable"},
      {"1 in 'a'", "requires string as left operand, not int"},
      {"[1] in {}", "unhashable type: 'list'"},
  });
}

TEST(Operators, TruthIsThatOfPython) {
  expect_expressions({
      {"[not 0, not 0.0, not '', not [], not {}, not none, not ()]", "[True, True, True, True, True, True, True]"},
      {"[not 1, not -0.5, not 'a', not [0], not {'a': 0}, not range(1)]", "[False, False, False, False, False, False]"},
  });
}

TEST(Operators, SlicesAsPythonDoes) {
  expect_expressions({
      {"[1, 2, 3, 4][1:3]", "[2, 3]"},
      {"[1, 2, 3, 4][::2]", "[1, 3]"},
      {"[1, 2, 3, 4][::-2]", "[4, 2]"},
      {"[1, 2, 3][10:]", "[]"},
      {"[1, 2, 3][-2:]", "[2, 3]"},
      {"[1, 2, 3][:-5]", "[]"},
      {"[1, 2, 3][2:0:-1]", "[3, 2]"},
      {"(1, 2, 3)[1:]", "(2, 3)"},
      {"'héllo'[1:4]", "éll"},
      {"'héllo'[::-1]", "olléh"},
      {"range(10)[2:8:3]", "range(2, 8, 3)"},
      {"range(5)[::-1]|list", "[4, 3, 2, 1, 0]"},
  });
}

TEST(Operators, RejectsSlicesThatPythonRejects) {
  expect_expression_errors({
      {"[1][::0]", "slice step cannot be zero"},
      {"dict(a=[1]).a['a':]", "slice indices must be integers or none"},
      {"dict(a=5).a[1:]", "has no slices"},
      {"dict()[1:]", "has no slices"},
  });
}

}  // namespace
}  // namespace braid::jinja
