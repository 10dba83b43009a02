#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_template_errors;
using testing::expect_templates;

TEST(Parser, ReadsEveryStatement) {
  expect_templates({
      {"{% if 0 %}a{% elif 1 %}b{% else %}c{% endif %}", "b"},
      {"{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123"},
      {"{% set a = 1 %}{% set b, c = 2, 3 %}{{ a }}{{ b }}{{ c }}", "123"},
      {"{% set a %}x{% endset %}{% set b | upper %}y{% endset %}{{ a }}{{ b }}", "xY"},
      {"{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "12"},
      {"{% macro m() %}<{{ caller(1) }}>{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}", "<1>"},
      {"{% filter upper | replace('A', 'b') %}abc{% endfilter %}", "bBC"},
      {"{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{% with %}c{% endwith %}", "12c"},
      {"{% autoescape false %}<{% endautoescape %}", "<"},
      {"{% generation %}a{% endgeneration %}", "a"},
      {"{% for a in [1, 2, 3] %}{% if a == 2 %}{% continue %}{% endif %}{{ a }}{% endfor %}{% for a in [1, 2] %}{% "
       "break %}{% endfor %}",
       "13"},
      {"{% print 1, 2 %}", "12"},
      {"{% if 1 -%} a {%- endif %}", "a"},
  });
}

TEST(Parser, ErrorsNameTheLineAndWhatIsExpected) {
  expect_template_errors({
      {"a\n{% if 1 %}", "line 2: the template ends where 'endif' is missing"},
      {"{% for a of [] %}{% endfor %}", "line 1: expected 'in', got 'of'"},
      {"{% for a in %}{% endfor %}", "line 1: expected an expression"},
      {"\n{% endfor %}", "line 2:"},
      {"{% %}", "line 1: expected a tag's name"},
      {"{% nope %}", "line 1:"},
      {"{% if 1 %}{% endfor %}", "line 1:"},
      {"{% set 1 = 2 %}", "line 1:"},
      {"{% set none = 2 %}", "line 1: cannot assign to 'none'"},
      {"{% macro m(a=1, b) %}{% endmacro %}", "line 1: a parameter without default behind one with a default"},
      {"{% macro m %}{% endmacro %}", "line 1: expected '('"},
      {"{% call 1 %}{% endcall %}", "line 1:"},
      {"{{ 1 2 }}", "line 1:"},
  });
}

TEST(Parser, WhatTheSandboxLacksIsAnError) {
  expect_template_errors({
      {"{% include 'a' %}", "include"},
      {"{% import 'a' as b %}", "import"},
      {"{% extends 'a' %}", "extends"},
  });
}

TEST(Parser, WhatBraidDoesNotSupportIsAnErrorUnlikeInJinja2) {
  expect_template_errors({
      {"{% block a %}{% endblock %}", "blocks are for templates that extend others"},
      {"{% autoescape true %}{% endautoescape %}", "only '{% autoescape false %}' is supported"},
  });
}

}  // namespace
}  // namespace braid::jinja
