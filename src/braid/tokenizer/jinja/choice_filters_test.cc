#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(ChoiceFilters, MapAppliesAFilterOrTakesAnAttribute) {
  expect_expressions({
      {R"(['a', 'b']|map('upper')|list)", R"(['A', 'B'])"},
      {R"(['a', 'ab']|map('replace', 'a', 'x')|list)", R"(['x', 'xb'])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|map(attribute='n')|list)", R"(['b', 'A', 'b'])"},
      {R"([{'a': {'b': [7]}}]|map(attribute='a.b.0')|list)", R"([7])"},
      {R"([{}, {'x': 1}]|map(attribute='x', default=0)|list)", R"([0, 1])"},
      {R"(missing|map('upper')|list)", R"([])"},
  });
}

TEST(ChoiceFilters, SelectAndRejectChooseByTest) {
  expect_expressions({
      {R"([0, 1, 2, 3]|select|list)", R"([1, 2, 3])"},
      {R"([0, 1, 2, 3]|select('odd')|list)", R"([1, 3])"},
      {R"([0, 1, 2, 3]|reject('odd')|list)", R"([0, 2])"},
      {R"([1, 5]|select('gt', 2)|list)", R"([5])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|selectattr('a', 'ge', 2)|map(attribute='a')|list)", R"([3, 2])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|rejectattr('n', 'equalto', 'b')|list)", R"([{'n': 'A', 'a': 1}])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|selectattr('missing')|list)", R"([])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|rejectattr('missing', 'defined')|list|length)", R"(3)"},
  });
}

TEST(ChoiceFilters, SortIsStable) {
  expect_expressions({
      {R"([3, 1, 2]|sort)", R"([1, 2, 3])"},
      {R"(['b', 'A', 'a']|sort)", R"(['A', 'a', 'b'])"},
      {R"(['b', 'A', 'a']|sort(case_sensitive=true))", R"(['A', 'a', 'b'])"},
      {R"([3, 1, 2]|sort(reverse=true))", R"([3, 2, 1])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|sort(attribute='n')|map(attribute='a')|list)", R"([1, 3, 2])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|sort(attribute='n,a')|map(attribute='a')|list)", R"([1, 2, 3])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|sort(reverse=true, attribute='n')|map(attribute='a')|list)", R"([3, 2, 1])"},
      {R"('cab'|sort)", R"(['a', 'b', 'c'])"},
  });
}

TEST(ChoiceFilters, DictsortSortsPairs) {
  expect_expressions({
      {R"({'b': 1, 'A': 3, 'c': 2}|dictsort)", R"([('A', 3), ('b', 1), ('c', 2)])"},
      {R"({'b': 1, 'A': 3}|dictsort(true))", R"([('A', 3), ('b', 1)])"},
      {R"({'b': 1, 'a': 3, 'c': 2}|dictsort(by='value', reverse=true))", R"([('a', 3), ('c', 2), ('b', 1)])"},
  });
}

TEST(ChoiceFilters, UniqueMinAndMax) {
  expect_expressions({
      {R"(['a', 'B', 'A', 'b']|unique|list)", R"(['a', 'B'])"},
      {R"(['a', 'A']|unique(true)|list)", R"(['a', 'A'])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|unique(attribute='n')|map(attribute='a')|list)", R"([3, 1])"},
      {R"([3, 1, 2]|min)", R"(1)"},
      {R"([3, 1, 2]|max)", R"(3)"},
      {R"(['b', 'A']|min)", R"(A)"},
      {R"(['b', 'A']|max(case_sensitive=true))", R"(b)"},
      {R"(([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|max(attribute='a')).a)", R"(3)"},
      {R"([]|min is defined)", R"(False)"},
  });
}

TEST(ChoiceFilters, GroupbyGroupsSortedItems) {
  expect_expressions({
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|groupby('n')|map('first')|list)", R"(['A', 'b'])"},
      {R"([{'n': 'b', 'a': 3}, {'n': 'A', 'a': 1}, {'n': 'b', 'a': 2}]|groupby('n')|map(attribute='list')|map('length')|list)", R"([1, 2])"},
      {R"([{'x': 1}, {}]|groupby('x', default=0)|map(attribute='grouper')|list)", R"([0, 1])"},
  });
}

TEST(ChoiceFilters, AreGenerators) {
  expect_expressions({
      {R"([1]|map('string') is iterable)", R"(True)"},
      {R"(([1]|map('string'))|first)", R"(1)"},
      {R"([1]|select is sequence)", R"(False)"},
  });
}

TEST(ChoiceFilters, RejectWrongUse) {
  expect_expression_errors({
      {R"([1, 'a']|sort)", R"('<' is not supported)"},
      {R"([1]|map|list)", R"(map requires a filter argument)"},
      {R"([1]|map('nope')|list)", R"(no filter named 'nope')"},
      {R"([1]|select('nope')|list)", R"(no test named 'nope')"},
      {R"([1]|selectattr()|list)", R"(Missing parameter for attribute name)"},
      {R"({'a': 1}|dictsort(by='x'))", R"(You can only sort by either)"},
      {R"(5|dictsort)", R"(has no attribute 'items')"},
      {R"([[1]]|unique|list)", R"(unhashable type: 'list')"},
      {R"(5|sort)", R"('int' object is not iterable)"},
      {R"([{}]|map(attribute='a.b')|list)", R"(has no attribute 'a')"},
  });
}

}  // namespace
}  // namespace braid::jinja
