#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_expression_errors;
using testing::expect_expressions;

TEST(ContainerMethods, DictsShowWhatTheyHold) {
  expect_expressions({
      {"{'a': 1}.get('a')", "1"},
      {"{'a': 1}.get('b')", "None"},
      {"{'a': 1}.get('b', 2)", "2"},
      {"{'a': 1, 'b': 2}.items()|list", "[('a', 1), ('b', 2)]"},
      {"{'a': 1, 'b': 2}.keys()|list", "['a', 'b']"},
      {"{'a': 1, 'b': 2}.values()|list", "[1, 2]"},
      {"{'a': 1}.copy()", "{'a': 1}"},
  });
}

TEST(ContainerMethods, SequencesCountAndFind) {
  expect_expressions({
      {"[1, 2, 1].count(1)", "2"},
      {"[1, 2, 1].index(1, 1)", "2"},
      {"[1, 2, 1].index(2)", "1"},
      {"(1, 2).count(3)", "0"},
      {"(1, 2).index(2)", "1"},
      {"range(5).index(3)", "3"},
      {"range(5).count(3)", "1"},
      {"[1, 2].copy()", "[1, 2]"},
  });
}

TEST(ContainerMethods, NothingChangesAContainer) {
  expect_expression_errors({
      {"[1].append(2)", "append"},
      {"{}.update({})", "unsafe"},
      {"{'a': 1}.pop('a')", "unsafe"},
      {"[1].sort()", "sort"},
      {"[1].index(2)", "the value is not in the list"},
      {"{}.get([])", "unhashable type: 'list'"},
      {"{}.get(key=1)", ""},
  });
}

}  // namespace
}  // namespace braid::jinja
