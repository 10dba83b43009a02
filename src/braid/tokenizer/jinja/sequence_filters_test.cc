#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(SequenceFilters, DefaultReplacesTheUndefined) {
  expect_expressions({
      {"missing|default('x')", "x"},
      {"missing|d", ""},
      {"''|default('x')", ""},
      {"''|default('x', true)", "x"},
      {"none|default('x')", "None"},
      {"none|default('x', boolean=true)", "x"},
  });
}

TEST(SequenceFilters, TakeEnds) {
  expect_expressions({
      {"[1, 2]|first", "1"},
      {"[1, 2]|last", "2"},
      {"'abc'|first", "a"},
      {"'abc'|last", "c"},
      {"[]|first is defined", "False"},
      {"{'a': 1, 'b': 2}|first", "a"},
      {"{'a': 1, 'b': 2}|last", "b"},
  });
}

TEST(SequenceFilters, ListReverseAndItems) {
  expect_expressions({
      {"'abc'|list", "['a', 'b', 'c']"},
      {"{'a': 1}|list", "['a']"},
      {"[1, 2]|reverse|list", "[2, 1]"},
      {"'abc'|reverse", "cba"},
      {"{'a': 1, 'b': 2}|items|list", "[('a', 1), ('b', 2)]"},
      {"missing|items|list", "[]"},
  });
}

TEST(SequenceFilters, BatchAndSlice) {
  expect_expressions({
      {"range(5)|batch(2)|list", "[[0, 1], [2, 3], [4]]"},
      {"range(5)|batch(2, 'x')|list", "[[0, 1], [2, 3], [4, 'x']]"},
      {"range(5)|slice(3)|list", "[[0, 1], [2, 3], [4]]"},
      {"range(5)|slice(3, 'x')|list", "[[0, 1], [2, 3], [4, 'x']]"},
      {"[]|batch(2)|list", "[]"},
  });
}

TEST(SequenceFilters, AttrLooksUpAttributesOnly) {
  expect_expressions({
      {"({'a': 1}|attr('a')) is defined", "False"},
      {"('a'|attr('upper'))()", "A"},
  });
}

TEST(SequenceFilters, RejectWrongUse) {
  expect_expression_errors({
      {"5|list", "'int' object is not iterable"},
      {"5|items|list", "Can only get item pairs from a mapping"},
      {"range(5)|slice(0)|list", "integer division or modulo by zero"},
      {"([1]|map('string'))|last", "not reversible"},
      {"5|first", "not iterable"},
      {"[1]|batch", "misses the argument 'linecount'"},
  });
}

}  // namespace
}  // namespace braid::jinja
