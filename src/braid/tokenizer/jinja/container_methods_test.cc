#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(ContainerMethods, DictsShowWhatTheyHold) {
  expect_expressions({
      {R"({'a': 1}.get('a'))", R"(1)"},
      {R"({'a': 1}.get('b'))", R"(None)"},
      {R"({'a': 1}.get('b', 2))", R"(2)"},
      {R"({'a': 1, 'b': 2}.items()|list)", R"([('a', 1), ('b', 2)])"},
      {R"({'a': 1, 'b': 2}.keys()|list)", R"(['a', 'b'])"},
      {R"({'a': 1, 'b': 2}.values()|list)", R"([1, 2])"},
      {R"({'a': 1}.copy())", R"({'a': 1})"},
  });
}

TEST(ContainerMethods, SequencesCountAndFind) {
  expect_expressions({
      {R"([1, 2, 1].count(1))", R"(2)"},
      {R"([1, 2, 1].index(1, 1))", R"(2)"},
      {R"([1, 2, 1].index(2))", R"(1)"},
      {R"((1, 2).count(3))", R"(0)"},
      {R"((1, 2).index(2))", R"(1)"},
      {R"(range(5).index(3))", R"(3)"},
      {R"(range(5).count(3))", R"(1)"},
      {R"([1, 2].copy())", R"([1, 2])"},
  });
}

TEST(ContainerMethods, NothingChangesAContainer) {
  expect_expression_errors({
      {R"([1].append(2))", R"(append)"},
      {R"({}.update({}))", R"(unsafe)"},
      {R"({'a': 1}.pop('a'))", R"(unsafe)"},
      {R"([1].sort())", R"(sort)"},
      {R"([1].index(2))", R"(the value is not in the list)"},
      {R"({}.get([]))", R"(unhashable type: 'list')"},
      {R"({}.get(key=1))", R"()"},
  });
}

}  // namespace
}  // namespace braid::jinja
