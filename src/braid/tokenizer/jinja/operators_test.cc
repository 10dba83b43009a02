#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Operators, ComparesAsPythonDoes) {
  expect_expressions({
      {R"([1 == 1.0, 1 == true, '1' == 1, none == none, none == 0])", R"([True, True, False, True, False])"},
      {R"([[1, 2] == [1, 2], [1] == (1,), (1,) == (1,), [1, [2]] == [1, [3]]])", R"([True, False, True, False])"},
      {R"({'a': 1, 'b': 2} == {'b': 2, 'a': 1})", R"(True)"},
      {R"(['a' < 'b', 'Z' < 'a', 'a' < 'ab', 'é' > 'z'])", R"([True, True, True, True])"},
      {R"([[1, 2] < [1, 3], [1] < [1, 0], (2,) > (1, 5)])", R"([True, True, True])"},
      {R"([1 <= 1, 2 >= 3, 1 != 1.5, 2.5 > 2])", R"([True, False, True, True])"},
      {R"(range(3) == range(0, 3))", R"(True)"},
      {R"([float_nan is undefined, 'nan'|float == 'nan'|float])", R"([True, False])"},
  });
}

TEST(Operators, RejectsComparisonsWithoutAnOrder) {
  expect_expression_errors({
      {R"(1 < 'a')", R"('<' is not supported between 'int' and 'str')"},
      {R"(none < 1)", R"('NoneType' and 'int')"},
      {R"([1] < (1,))", R"('list' and 'tuple')"},
      {R"({} < {})", R"('dict' and 'dict')"},
      {R"(missing < 1)", R"('missing' is undefined)"},
  });
}

TEST(Operators, InLooksIntoContainers) {
  expect_expressions({
      {R"(['b' in 'abc', '' in '', 'x' in 'abc'])", R"([True, True, False])"},
      {R"([1 in [1.0], 2 in (1,), [1] in [[1]]])", R"([True, False, True])"},
      {R"(['a' in {'a': 1}, 1 in {'a': 1}])", R"([True, False])"},
      {R"([2 in range(3), 'a' in {'a': 1}.keys(), 1 in {'a': 1}.values()])", R"([True, True, True])"},
      {R"(1 not in [1])", R"(False)"},
  });
}

TEST(Operators, InNeedsAContainer) {
  expect_expression_errors({
      {R"(1 in 5)", R"(argument of type 'int' is not iterable)"},
      {R"(1 in 'a')", R"(requires string as left operand, not int)"},
      {R"([1] in {})", R"(unhashable type: 'list')"},
  });
}

TEST(Operators, TruthIsThatOfPython) {
  expect_expressions({
      {R"([not 0, not 0.0, not '', not [], not {}, not none, not ()])", R"([True, True, True, True, True, True, True])"},
      {R"([not 1, not -0.5, not 'a', not [0], not {'a': 0}, not range(1)])", R"([False, False, False, False, False, False])"},
  });
}

TEST(Operators, SlicesAsPythonDoes) {
  expect_expressions({
      {R"([1, 2, 3, 4][1:3])", R"([2, 3])"},
      {R"([1, 2, 3, 4][::2])", R"([1, 3])"},
      {R"([1, 2, 3, 4][::-2])", R"([4, 2])"},
      {R"([1, 2, 3][10:])", R"([])"},
      {R"([1, 2, 3][-2:])", R"([2, 3])"},
      {R"([1, 2, 3][:-5])", R"([])"},
      {R"([1, 2, 3][2:0:-1])", R"([3, 2])"},
      {R"((1, 2, 3)[1:])", R"((2, 3))"},
      {R"('héllo'[1:4])", R"(éll)"},
      {R"('héllo'[::-1])", R"(olléh)"},
      {R"(range(10)[2:8:3])", R"(range(2, 8, 3))"},
      {R"(range(5)[::-1]|list)", R"([4, 3, 2, 1, 0])"},
  });
}

TEST(Operators, RejectsSlicesThatPythonRejects) {
  expect_expression_errors({
      {R"([1][::0])", R"(slice step cannot be zero)"},
      {R"([1]['a':])", R"(slice indices must be integers or none)"},
      {R"(5[1:])", R"(has no slices)"},
      {R"({}[1:])", R"(has no slices)"},
  });
}

}  // namespace
}  // namespace braid::jinja
