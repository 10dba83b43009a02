#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(SequenceFilters, DefaultReplacesTheUndefined) {
  expect_expressions({
      {R"(missing|default('x'))", R"(x)"},
      {R"(missing|d)", R"()"},
      {R"(''|default('x'))", R"()"},
      {R"(''|default('x', true))", R"(x)"},
      {R"(none|default('x'))", R"(None)"},
      {R"(none|default('x', boolean=true))", R"(x)"},
  });
}

TEST(SequenceFilters, TakeEnds) {
  expect_expressions({
      {R"([1, 2]|first)", R"(1)"},
      {R"([1, 2]|last)", R"(2)"},
      {R"('abc'|first)", R"(a)"},
      {R"('abc'|last)", R"(c)"},
      {R"([]|first is defined)", R"(False)"},
      {R"({'a': 1, 'b': 2}|first)", R"(a)"},
      {R"({'a': 1, 'b': 2}|last)", R"(b)"},
  });
}

TEST(SequenceFilters, ListReverseAndItems) {
  expect_expressions({
      {R"('abc'|list)", R"(['a', 'b', 'c'])"},
      {R"({'a': 1}|list)", R"(['a'])"},
      {R"([1, 2]|reverse|list)", R"([2, 1])"},
      {R"('abc'|reverse)", R"(cba)"},
      {R"({'a': 1, 'b': 2}|items|list)", R"([('a', 1), ('b', 2)])"},
      {R"(missing|items|list)", R"([])"},
  });
}

TEST(SequenceFilters, BatchAndSlice) {
  expect_expressions({
      {R"(range(5)|batch(2)|list)", R"([[0, 1], [2, 3], [4]])"},
      {R"(range(5)|batch(2, 'x')|list)", R"([[0, 1], [2, 3], [4, 'x']])"},
      {R"(range(5)|slice(3)|list)", R"([[0, 1], [2, 3], [4]])"},
      {R"(range(5)|slice(3, 'x')|list)", R"([[0, 1], [2, 3], [4, 'x']])"},
      {R"([]|batch(2)|list)", R"([])"},
  });
}

TEST(SequenceFilters, AttrLooksUpAttributesOnly) {
  expect_expressions({
      {R"(({'a': 1}|attr('a')) is defined)", R"(False)"},
      {R"(('a'|attr('upper'))())", R"(A)"},
  });
}

TEST(SequenceFilters, RejectWrongUse) {
  expect_expression_errors({
      {R"(5|list)", R"('int' object is not iterable)"},
      {R"(5|items|list)", R"(Can only get item pairs from a mapping)"},
      {R"(range(5)|slice(0)|list)", R"(integer division or modulo by zero)"},
      {R"(([1]|map('string'))|last)", R"(not reversible)"},
      {R"(5|first)", R"(not iterable)"},
      {R"([1]|batch)", R"(misses the argument 'linecount')"},
  });
}

}  // namespace
}  // namespace braid::jinja
