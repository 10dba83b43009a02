#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_template_errors;
using testing::expect_templates;

TEST(Statements, IfTakesTheFirstTrueBranch) {
  expect_templates({
      {"{% if 0 %}a{% elif '' %}b{% elif 1 %}c{% elif 1 %}d{% else %}e{% endif %}", "c"},
      {"{% if [] %}a{% else %}b{% endif %}", "b"},
      {"[{% if none %}a{% endif %}]", "[]"},
  });
}

TEST(Statements, ForUnpacksFiltersAndHasAnElse) {
  expect_templates({
      {"{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"},
      {"{% for x in range(6) if x is odd %}{{ x }}{% endfor %}", "135"},
      {"{% for x in [] %}a{% else %}b{% endfor %}", "b"},
      {"{% for x in [1] if x > 1 %}a{% else %}b{% endfor %}", "b"},
      {"{% for c in 'aé' %}<{{ c }}>{% endfor %}", "<a><é>"},
      {"{% for x in missing %}a{% else %}b{% endfor %}", "b"},
  });
}

TEST(Statements, BreakAndContinueEndTheTurn) {
  expect_templates({
      {"{% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% "
       "endfor %}",
       "02"},
      {"{% for x in [1, 2] %}{% for y in [1, 2] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% "
       "endfor %}",
       "11 21 "},
  });
}

TEST(Statements, NamesSetInALoopStayInIt) {
  expect_templates({
      {"{% set a = 1 %}{% for x in [1, 2] %}{% set a = a + x %}{{ a }}{% endfor %}{{ a }}", "231"},
      {"{% set n = namespace(a=1) %}{% for x in [1, 2] %}{% set n.a = n.a + x %}{% endfor %}{{ n.a }}", "4"},
      {"{% if 1 %}{% set a = 5 %}{% endif %}{{ a }}", "5"},
      {"{% with a = 1 %}{{ a }}{% set b = 2 %}{% endwith %}{{ a is defined }}{{ b is defined }}", "1FalseFalse"},
      {"{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}", "21"},
  });
}

TEST(Statements, BlocksOfTextPassThroughFilters) {
  expect_templates({
      {"{% filter upper %}a{{ 'b' }}{% endfilter %}", "AB"},
      {"{% set a | trim | length %} xyz {% endset %}{{ a + 1 }}", "4"},
      {"{% set a %}{% for x in [1, 2] %}{{ x }}{% endfor %}{% endset %}[{{ a }}]", "[12]"},
  });
}

TEST(Statements, AssignmentsMustFit) {
  expect_template_errors({
      {"{% set a, b = [1, 2, 3] %}", "cannot unpack 3 values into 2 names"},
      {"{% for a, b in [1] %}{% endfor %}", "cannot unpack a value of type 'int'"},
      {"{% set a = {} %}{% set a.b = 1 %}", "cannot assign attribute on non-namespace object"},
      {"{% for x in 5 %}{% endfor %}", "'int' object is not iterable"},
  });
}

TEST(Statements, FiltersOfABlockMustReturnText) {
  expect_template_errors({
      {"{% filter length %}a{% endfilter %}", "must give text, not a value of type 'int'"},
  });
}

TEST(Statements, ErrorsNameTheLineThatFailed) {
  expect_template_errors({
      {"a\n{% if 1 %}\n{{ 1 / 0 }}{% endif %}", "line 3: division by zero"},
      {"{% for x in [1] %}\n\n{{ x.y.z }}\n{% endfor %}", "line 3: 'int object' has no attribute 'y'"},
      {"\n{% set a = 1 + '' %}", "line 2: unsupported operand types for +"},
  });
}

}  // namespace
}  // namespace braid::jinja
