#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_template_errors;
using testing::expect_templates;

TEST(Parser, ReadsEveryStatement) {
  expect_templates({
      {R"({% if 0 %}a{% elif 1 %}b{% else %}c{% endif %})", R"(b)"},
      {R"({% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %})", R"(123)"},
      {R"({% set a = 1 %}{% set b, c = 2, 3 %}{{ a }}{{ b }}{{ c }})", R"(123)"},
      {R"({% set a %}x{% endset %}{% set b | upper %}y{% endset %}{{ a }}{{ b }})", R"(xY)"},
      {R"({% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }})", R"(12)"},
      {R"({% macro m() %}<{{ caller(1) }}>{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %})", R"(<1>)"},
      {R"({% filter upper | replace('A', 'b') %}abc{% endfilter %})", R"(bBC)"},
      {R"({% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{% with %}c{% endwith %})", R"(12c)"},
      {R"({% autoescape false %}<{% endautoescape %})", R"(<)"},
      {R"({% generation %}a{% endgeneration %})", R"(a)"},
      {R"({% for a in [1, 2, 3] %}{% if a == 2 %}{% continue %}{% endif %}{{ a }}{% endfor %}{% for a in [1, 2] %}{% break %}{% endfor %})", R"(13)"},
      {R"({% print 1, 2 %})", R"(12)"},
      {R"({% if 1 -%} a {%- endif %})", R"(a)"},
  });
}

TEST(Parser, ErrorsNameTheLineAndWhatIsExpected) {
  expect_template_errors({
      {R"(a
{% if 1 %})", R"(line 2: the template ends where 'endif' is missing)"},
      {R"({% for a of [] %}{% endfor %})", R"(line 1: expected 'in', got 'of')"},
      {R"({% for a in %}{% endfor %})", R"(line 1: expected an expression)"},
      {R"(
{% endfor %})", R"(line 2:)"},
      {R"({% %})", R"(line 1: expected a tag's name)"},
      {R"({% nope %})", R"(line 1:)"},
      {R"({% if 1 %}{% endfor %})", R"(line 1:)"},
      {R"({% set 1 = 2 %})", R"(line 1:)"},
      {R"({% set none = 2 %})", R"(line 1: cannot assign to 'none')"},
      {R"({% macro m(a=1, b) %}{% endmacro %})", R"(line 1: a parameter without default behind one with a default)"},
      {R"({% macro m %}{% endmacro %})", R"(line 1: expected '(')"},
      {R"({% call 1 %}{% endcall %})", R"(line 1:)"},
      {R"({{ 1 2 }})", R"(line 1:)"},
  });
}

TEST(Parser, WhatTheSandboxLacksIsAnError) {
  expect_template_errors({
      {R"({% include 'a' %})", R"(include)"},
      {R"({% import 'a' as b %})", R"(import)"},
      {R"({% extends 'a' %})", R"(extends)"},
  });
}

}  // namespace
}  // namespace braid::jinja
