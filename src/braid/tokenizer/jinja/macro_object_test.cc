#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_template_errors;
using testing::expect_templates;

TEST(MacroObject, BindsArgumentsToParameters) {
  expect_templates({
      {"{% macro m(a, b=a ~ '!', c=3) %}{{ a }}{{ b }}{{ c }} {% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(1, c=4) }}{{ "
       "m(b=1, a=2) }}{{ m(*[1, 2], **{'c': 5}) }}",
       "11!3 123 11!4 213 125 "},
      {"{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}", "False"},
  });
}

TEST(MacroObject, CollectsTheOtherArguments) {
  expect_templates({
      {"{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "1(2, 3){'x': 4}"},
  });
}

TEST(MacroObject, CallBlocksBecomeCaller) {
  expect_templates({
      {"{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}a{% endcall %}", "[a]"},
      {"{% macro m() %}{{ caller(1) }}{{ caller(2, 3) }}{% endmacro %}{% call(x, y=0) m() %}{{ x }}{{ y }} {% endcall "
       "%}",
       "10 23 "},
      {"{% macro m(a) %}{{ a }}{{ caller() }}{% endmacro %}{% set v = 5 %}{% call m(1) %}{{ v }}{% endcall %}", "15"},
  });
}

TEST(MacroObject, SeesTheScopeOfItsDefinition) {
  expect_templates({
      {"{% set a = 1 %}{% macro m() %}{{ a }}{% endmacro %}{% set a = 2 %}{{ m() }}", "2"},
      {"{% for x in [1, 2] %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "12"},
      {"{% macro m() %}{% set z = 1 %}{% endmacro %}{{ m() }}{{ z is defined }}", "False"},
      {"{% macro fac(n) %}{{ 1 if n < 2 else n * fac(n - 1)|int }}{% endmacro %}{{ fac(5) }}", "120"},
  });
}

TEST(MacroObject, DescribesItself) {
  expect_templates({
      {"{% macro m(a, b=1) %}{{ caller is defined }}{{ varargs }}{% endmacro %}{{ m.name }} {{ m.arguments }} {{ "
       "m.catch_varargs }} {{ m.catch_kwargs }} {{ m.caller }}",
       "m ('a', 'b') True False True"},
  });
}

TEST(MacroObject, RejectsArgumentsThatDoNotFit) {
  expect_template_errors({
      {"{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "macro 'm' takes not more than 1 argument(s)"},
      {"{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}", "macro 'm' got two values for the argument 'a'"},
      {"{% macro m() %}{% endmacro %}{{ m(x=1) }}", "macro 'm' takes no keyword argument 'x'"},
      {"{% macro m() %}\n{{ a.b }}{% endmacro %}\n{{ m() }}", "line 2: 'a' is undefined"},
      {"{% macro m() %}{% endmacro %}{% call m() %}{% endcall %}", "macro 'm' takes no keyword argument 'caller'"},
  });
}

}  // namespace
}  // namespace braid::jinja
