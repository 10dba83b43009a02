#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(Evaluator, LooksUpAttributesAndItems) {
  expect_expressions({
      {R"({'a': 1}.a)", R"(1)"},
      {R"({'a': 1}['a'])", R"(1)"},
      {R"({'items': 1}['items'])", R"(1)"},
      {R"({'items': 1}.items is callable)", R"(True)"},
      {R"({1: 'x'}[1])", R"(x)"},
      {R"([5, 6][1])", R"(6)"},
      {R"([5, 6][-1])", R"(6)"},
      {R"('abc'[1])", R"(b)"},
      {R"((1, 2).0)", R"(1)"},
      {R"({'a': 1}.b is defined)", R"(False)"},
      {R"([1][5] is defined)", R"(False)"},
      {R"({}['a'] is defined)", R"(False)"},
      {R"('abc'.upper())", R"(ABC)"},
  });
}

TEST(Evaluator, ConditionsAreLazy) {
  expect_expressions({
      {R"(1 or missing.x)", R"(1)"},
      {R"(0 and missing.x)", R"(0)"},
      {R"(1 if 1 else missing.x)", R"(1)"},
      {R"((1 if 0) is defined)", R"(False)"},
      {R"([(1 if 0)]|length)", R"(1)"},
      {R"('x' or 1)", R"(x)"},
      {R"(0 or '')", R"()"},
      {R"([] and 1)", R"([])"},
  });
}

TEST(Evaluator, ConcatenatesTheTextsOfItsOperands) {
  expect_expressions({
      {R"(1 ~ 'a' ~ none ~ 2.0 ~ [1])", R"(1aNone2.0[1])"},
      {R"(missing ~ 'a')", R"(a)"},
  });
}

TEST(Evaluator, UndefinedRendersAsNothing) {
  expect_expressions({
      {R"(missing)", R"()"},
      {R"([missing is defined, missing is undefined])", R"([False, True])"},
      {R"(missing|default('d'))", R"(d)"},
      {R"(missing|list)", R"([])"},
      {R"(missing == missing2)", R"(True)"},
      {R"(not missing)", R"(True)"},
  });
}

TEST(Evaluator, UsingAnUndefinedValueNamesIt) {
  expect_expression_errors({
      {R"(missing.x)", R"('missing' is undefined)"},
      {R"(missing + 1)", R"('missing' is undefined)"},
      {R"(missing())", R"('missing' is undefined)"},
      {R"({'a': 1}.b.c)", R"('dict object' has no attribute 'b')"},
      {R"((1 if 0).x)", R"(the inline if-expression on line 1 evaluated to false)"},
      {R"([1][3].x)", R"(list object has no element 3)"},
      {R"(-missing)", R"('missing' is undefined)"},
  });
}

TEST(Evaluator, CallsNeedFunctionsAndFittingArguments) {
  expect_expression_errors({
      {R"(1())", R"('int' object is not callable)"},
      {R"(dict(a=1, **{'a': 2}))", R"(two values for the argument 'a')"},
      {R"(dict(**[1]))", R"(must be a mapping)"},
      {R"(range(*1))", R"(not iterable)"},
      {R"(dict(**{1: 2}))", R"(keywords must be strings)"},
      {R"(1|nope)", R"(no filter named 'nope')"},
      {R"(1 is nope)", R"(no test named 'nope')"},
      {R"({}.update({}))", R"(is unsafe)"},
  });
}

TEST(Evaluator, DictsNeedHashableKeys) {
  expect_expression_errors({
      {R"({[1]: 2})", R"(unhashable type: 'list')"},
      {R"({(1, [2]): 2})", R"(unhashable)"},
  });
}

TEST(Evaluator, OfEqualKeysTheLastValueCounts) {
  expect_expressions({
      {R"({'a': 1, 'b': 2, 'a': 3})", R"({'a': 3, 'b': 2})"},
      {R"({1: 'a', 1.0: 'b', true: 'c'})", R"({1: 'c'})"},
  });
}

}  // namespace
}  // namespace braid::jinja
