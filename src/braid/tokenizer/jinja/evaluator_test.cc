#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Evaluator, LooksUpAttributesAndItems) {
  expect_expressions({
      {"{'a': 1}.a", "1"},
      {"{'a': 1}['a']", "1"},
      {"{'items': 1}['items']", "1"},
      {"{'items': 1}.items is callable", "True"},
      {"{1: 'x'}[1]", "x"},
      {"[5, 6][1]", "6"},
      {"[5, 6][-1]", "6"},
      {"'abc'[1]", "b"},
      {"(1, 2).0", "1"},
      {"{'a': 1}.b is defined", "False"},
      {"[1][5] is defined", "False"},
      {"{}['a'] is defined", "False"},
      {"'abc'.upper()", "ABC"},
  });
}

TEST(Evaluator, ConditionsAreLazy) {
  expect_expressions({
      {"1 or missing.x", "1"},
      {"0 and missing.x", "0"},
      {"1 if 1 else missing.x", "1"},
      {"(1 if 0) is defined", "False"},
      {"[(1 if 0)]|length", "1"},
      {"'x' or 1", "x"},
      {"0 or ''", ""},
      {"[] and 1", "[]"},
  });
}

TEST(Evaluator, ConcatenatesTheTextsOfItsOperands) {
  expect_expressions({
      {"1 ~ 'a' ~ none ~ 2.0 ~ [1]", "1aNone2.0[1]"},
      {"missing ~ 'a'", "a"},
  });
}

TEST(Evaluator, UndefinedRendersAsNothing) {
  expect_expressions({
      {"missing", ""},
      {"[missing is defined, missing is undefined]", "[False, True]"},
      {"missing|default('d')", "d"},
      {"missing|list", "[]"},
      {"missing == missing2", "True"},
      {"not missing", "True"},
  });
}

TEST(Evaluator, UsingAnUndefinedValueNamesIt) {
  expect_expression_errors({
      {"missing.x", "'missing' is undefined"},
      {"missing + 1", "'missing' is undefined"},
      {"missing()", "'missing' is undefined"},
      {"{'a': 1}.b.c", "'dict object' has no attribute 'b'"},
      {"(1 if 0).x", "the inline if-expression on line 1 evaluated to false"},
      {"[1][3].x", "list object has no element 3"},
      {"-missing", "'missing' is undefined"},
  });
}

TEST(Evaluator, CallsNeedFunctionsAndFittingArguments) {
  expect_expression_errors({
      {"1()", "'int' object is not callable"},
      {"dict(a=1, **{'a': 2})", "two values for the argument 'a'"},
      {"dict(**[1])", "must be a mapping"},
      {"range(*1)", "not iterable"},
      {"dict(**{1: 2})", "keywords must be strings"},
      {"1|nope", "no filter named 'nope'"},
      {"1 is nope", "no test named 'nope'"},
      {"{}.update({})", "is unsafe"},
  });
}

TEST(Evaluator, DictsNeedHashableKeys) {
  expect_expression_errors({
      {"{[1]: 2}", "unhashable type: 'list'"},
      {"{(1, [2]): 2}", "unhashable"},
  });
}

TEST(Evaluator, OfEqualKeysTheLastValueCounts) {
  expect_expressions({
      {"{'a': 1, 'b': 2, 'a': 3}", "{'a': 3, 'b': 2}"},
      {"{1: 'a', 1.0: 'b', true: 'c'}", "{1: 'c'}"},
  });
}

}  // namespace
}  // namespace braid::jinja
