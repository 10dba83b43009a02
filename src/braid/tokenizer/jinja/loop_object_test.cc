#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_template_errors;
using testing::expect_templates;

TEST(LoopObject, KnowsItsPosition) {
  expect_templates({
      {"{% for x in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ "
       "loop.last }}{{ loop.length }} {% endfor %}",
       "1032TrueFalse3 2121FalseFalse3 3210FalseTrue3 "},
      {"{% for x in [1, 2, 3, 4] if x is even %}{{ loop.index }}/{{ loop.length }}{{ loop.last }} {% endfor %}",
       "1/2False 2/2True "},
  });
}

TEST(LoopObject, KnowsItsNeighbours) {
  expect_templates({
      {"{% for x in 'abc' %}[{{ loop.previtem }}{{ x }}{{ loop.nextitem }}]{% endfor %}", "[ab][abc][bc]"},
      {"{% for x in [1, 2] %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
       "FalseTrue TrueFalse "},
  });
}

TEST(LoopObject, CyclesAndTellsChanges) {
  expect_templates({
      {"{% for x in [1, 2, 3] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "aba"},
      {"{% for x in [1, 1, 2, 2, 1] %}{{ loop.changed(x) }} {% endfor %}", "True False True False True "},
  });
}

TEST(LoopObject, CallsItselfIfRecursive) {
  expect_templates({
      {"{% for n in [[1, [2]], [3]] recursive %}{{ n if n is number else '(' ~ loop(n) ~ ')' }}{% endfor %}",
       "(1(2))(3)"},
      {"{% for n in [[[]]] recursive %}{{ loop.depth }}{{ loop.depth0 }}{{ loop(n) }}{% endfor %}", "1021"},
  });
}

TEST(LoopObject, BelongsToTheInnermostLoop) {
  expect_templates({
      {"{% for a in [1, 2] %}{% for b in 'xyz' %}{{ loop.index }}{% endfor %}{{ loop.index }} {% endfor %}",
       "1231 1232 "},
      {"{% for a in [1] %}{% endfor %}{{ loop is defined }}", "False"},
      {"{% for a in [1, 2] %}{% set outer = loop %}{% for b in [1] %}{{ outer.index }}{% endfor %}{% endfor %}", "12"},
  });
}

TEST(LoopObject, RejectsWrongCalls) {
  expect_template_errors({
      {"{% for a in [1] %}{{ loop([1]) }}{% endfor %}", ""},
      {"{% for a in [1] %}{{ loop.cycle() }}{% endfor %}", "no items for cycling given"},
  });
}

}  // namespace
}  // namespace braid::jinja
