#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(ChoiceFilters, MapAppliesAFilterOrTakesAnAttribute) {
  expect_expressions({
      {"['a', 'b']|map('upper')|list", "['A', 'B']"},
      {"['a', 'ab']|map('replace', 'a', 'x')|list", "['x', 'xb']"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|map(attribute='n')|list", "['b', 'A', 'b']"},
      {"[{'a': {'b': [7]}}]|map(attribute='a.b.0')|list", "[7]"},
      {"[{}, {'x': 1}]|map(attribute='x', default=0)|list", "[0, 1]"},
      {"missing|map('upper')|list", "[]"},
  });
}

TEST(ChoiceFilters, SelectAndRejectChooseByTest) {
  expect_expressions({
      {"[0, 1, 2, 3]|select|list", "[1, 2, 3]"},
      {"[0, 1, 2, 3]|select('odd')|list", "[1, 3]"},
      {"[0, 1, 2, 3]|reject('odd')|list", "[0, 2]"},
      {"[1, 5]|select('gt', 2)|list", "[5]"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|selectattr('a', 'ge', 2)|map(attribute='a')|list",
       "[3, 2]"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|rejectattr('n', 'equalto', 'b')|list",
       "[{'n': 'A', 'a': 1}]"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|selectattr('missing')|list", "[]"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|rejectattr('missing', 'defined')|list|length",
       "3"},
  });
}

TEST(ChoiceFilters, SortIsStable) {
  expect_expressions({
      {"[3, 1, 2]|sort", "[1, 2, 3]"},
      {"['b', 'A', 'a']|sort", "['A', 'a', 'b']"},
      {"['b', 'A', 'a']|sort(case_sensitive=true)", "['A', 'a', 'b']"},
      {"[3, 1, 2]|sort(reverse=true)", "[3, 2, 1]"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|sort(attribute='n')|map(attribute='a')|list",
       "[1, 3, 2]"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|sort(attribute='n,a')|map(attribute='a')|list",
       "[1, 2, 3]"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|sort(reverse=true, "
       "attribute='n')|map(attribute='a')|list",
       "[3, 2, 1]"},
      {"'cab'|sort", "['a', 'b', 'c']"},
  });
}

TEST(ChoiceFilters, DictsortSortsPairs) {
  expect_expressions({
      {"{'b': 1, 'A': 3, 'c': 2}|dictsort", "[('A', 3), ('b', 1), ('c', 2)]"},
      {"{'b': 1, 'A': 3}|dictsort(true)", "[('A', 3), ('b', 1)]"},
      {"{'b': 1, 'a': 3, 'c': 2}|dictsort(by='value', reverse=true)", "[('a', 3), ('c', 2), ('b', 1)]"},
  });
}

TEST(ChoiceFilters, UniqueMinAndMax) {
  expect_expressions({
      {"['a', 'B', 'A', 'b']|unique|list", "['a', 'B']"},
      {"['a', 'A']|unique(true)|list", "['a', 'A']"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|unique(attribute='n')|map(attribute='a')|list",
       "[3, 1]"},
      {"[3, 1, 2]|min", "1"},
      {"[3, 1, 2]|max", "3"},
      {"['b', 'A']|min", "A"},
      {"['b', 'A']|max(case_sensitive=true)", "b"},
      {"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|max(attribute='a')).a", "3"},
      {"[]|min is defined", "False"},
  });
}

TEST(ChoiceFilters, GroupbyGroupsSortedItems) {
  expect_expressions({
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|groupby('n')|map('first')|list", "['A', 'b']"},
      {"[{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': "
       "2}]|groupby('n')|map(attribute='list')|map('length')|list",
       "[1, 2]"},
      {"[{'x': 1}, {}]|groupby('x', default=0)|map(attribute='grouper')|list", "[0, 1]"},
  });
}

TEST(ChoiceFilters, AreGenerators) {
  expect_expressions({
      {"[1]|map('string') is iterable", "True"},
      {"([1]|map('string'))|first", "1"},
      {"[1]|select is sequence", "False"},
  });
}

TEST(ChoiceFilters, RejectWrongUse) {
  expect_expression_errors({
      {"[1, 'a']|sort", "'<' is not supported"},
      {"[1]|map|list", "map requires a filter argument"},
      {"[1]|map('nope')|list", "no filter named 'nope'"},
      {"[1]|select('nope')|list", "no test named 'nope'"},
      {"[1]|selectattr()|list", "Missing parameter for attribute name"},
      {"{'a': 1}|dictsort(by='x')", "You can only sort by either"},
      {"5|dictsort", "has no attribute 'items'"},
      {"[[1]]|unique|list", "unhashable type: 'list'"},
      {"5|sort", "'int' object is not iterable"},
      {"[{}]|map(attribute='a.b')|list", "has no attribute 'a'"},
  });
}

}  // namespace
}  // namespace braid::jinja
