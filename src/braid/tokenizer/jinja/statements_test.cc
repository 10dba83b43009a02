#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_template_errors;
using testing::expect_templates;

TEST(Statements, IfTakesTheFirstTrueBranch) {
  expect_templates({
      {R"({% if 0 %}a{% elif '' %}b{% elif 1 %}c{% elif 1 %}d{% else %}e{% endif %})", R"(c)"},
      {R"({% if [] %}a{% else %}b{% endif %})", R"(b)"},
      {R"([{% if none %}a{% endif %}])", R"([])"},
  });
}

TEST(Statements, ForUnpacksFiltersAndHasAnElse) {
  expect_templates({
      {R"({% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %})", R"(a1b2)"},
      {R"({% for x in range(6) if x is odd %}{{ x }}{% endfor %})", R"(135)"},
      {R"({% for x in [] %}a{% else %}b{% endfor %})", R"(b)"},
      {R"({% for x in [1] if x > 1 %}a{% else %}b{% endfor %})", R"(b)"},
      {R"({% for c in 'aé' %}<{{ c }}>{% endfor %})", R"(<a><é>)"},
      {R"({% for x in missing %}a{% else %}b{% endfor %})", R"(b)"},
  });
}

TEST(Statements, BreakAndContinueEndTheTurn) {
  expect_templates({
      {R"({% for x in range(5) %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %})", R"(02)"},
      {R"({% for x in [1, 2] %}{% for y in [1, 2] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %})", R"(11 21 )"},
  });
}

TEST(Statements, NamesSetInALoopStayInIt) {
  expect_templates({
      {R"({% set a = 1 %}{% for x in [1, 2] %}{% set a = a + x %}{{ a }}{% endfor %}{{ a }})", R"(231)"},
      {R"({% set n = namespace(a=1) %}{% for x in [1, 2] %}{% set n.a = n.a + x %}{% endfor %}{{ n.a }})", R"(4)"},
      {R"({% if 1 %}{% set a = 5 %}{% endif %}{{ a }})", R"(5)"},
      {R"({% with a = 1 %}{{ a }}{% set b = 2 %}{% endwith %}{{ a is defined }}{{ b is defined }})", R"(1FalseFalse)"},
      {R"({% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %})", R"(21)"},
  });
}

TEST(Statements, BlocksOfTextPassThroughFilters) {
  expect_templates({
      {R"({% filter upper %}a{{ 'b' }}{% endfilter %})", R"(AB)"},
      {R"({% set a | trim | length %} xyz {% endset %}{{ a + 1 }})", R"(4)"},
      {R"({% set a %}{% for x in [1, 2] %}{{ x }}{% endfor %}{% endset %}[{{ a }}])", R"([12])"},
  });
}

TEST(Statements, AssignmentsMustFit) {
  expect_template_errors({
      {R"({% set a, b = [1, 2, 3] %})", R"(cannot unpack 3 values into 2 names)"},
      {R"({% for a, b in [1] %}{% endfor %})", R"(cannot unpack a value of type 'int')"},
      {R"({% set a = {} %}{% set a.b = 1 %})", R"(cannot assign attribute on non-namespace object)"},
      {R"({% for x in 5 %}{% endfor %})", R"('int' object is not iterable)"},
  });
}

TEST(Statements, ErrorsNameTheLineThatFailed) {
  expect_template_errors({
      {R"(a
{% if 1 %}
{{ 1 / 0 }}{% endif %})", R"(line 3: division by zero)"},
      {R"({% for x in [1] %}

{{ x.y.z }}
{% endfor %})", R"(line 3: 'int object' has no attribute 'y')"},
      {R"(
{% set a = 1 + '' %})", R"(line 2: unsupported operand types for +)"},
  });
}

}  // namespace
}  // namespace braid::jinja
