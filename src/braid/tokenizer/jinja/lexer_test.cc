#include "braid/tokenizer/jinja/lexer.h"

#include <gtest/gtest.h>

#include "tests/support/tokenizer/template_tables.h"

namespace braid::jinja {
namespace {

using testing::expect_templates;

// Each token as its kind's letter and its text: T text, {{ }} {% %} tags, n name, s string, i integer, f float, o
// operator.
std::string shown(std::string_view source) {
  const auto tokens = tokenize(source);
  if (!tokens.ok()) return tokens.error().message;
  std::string out;
  for (const Token& token : *tokens) {
    if (!out.empty()) out += ' ';
    switch (token.kind) {
      case TokenKind::kText:
        out += "T:" + token.text;
        break;
      case TokenKind::kPrintBegin:
        out += "{{";
        break;
      case TokenKind::kPrintEnd:
        out += "}}";
        break;
      case TokenKind::kBlockBegin:
        out += "{%";
        break;
      case TokenKind::kBlockEnd:
        out += "%}";
        break;
      case TokenKind::kName:
        out += "n:" + token.text;
        break;
      case TokenKind::kString:
        out += "s:" + token.text;
        break;
      case TokenKind::kInteger:
        out += "i:" + std::to_string(static_cast<int64_t>(token.integer));
        break;
      case TokenKind::kFloat:
        out += "f:" + fmt::format("{}", token.number);
        break;
      case TokenKind::kOperator:
        out += "o:" + token.text;
        break;
      case TokenKind::kEnd:
        out += "end";
        break;
    }
  }
  return out;
}

TEST(Lexer, TrimBlocksDropsTheNewlineBehindATag) {
  expect_templates({
      {"{% if 1 %}\na\n{% endif %}\nb", "a\nb"},
      {"{# c #}\na", "a"},
      {"{{ 1 }}\na", "1\na"},
      {"{% if 1 +%}\na{% endif %}", "\na"},
      {"a\n", "a"},
      {"a\n\n", "a\n"},
      {"a\r\nb\rc\r\n", "a\nb\nc"},
  });
}

TEST(Lexer, LstripBlocksDropsTheIndentBeforeATag) {
  expect_templates({
      {"a\n  {% if 1 %}b{% endif %}", "a\nb"},
      {"  {# c #}a", "a"},
      {"a\n  {{ 1 }}", "a\n  1"},
      {"a  {% if 1 %}b{% endif %}", "a  b"},
      {"a\n  {%+ if 1 %}b{% endif %}", "a\n  b"},
      {"\t {% if 1 %}a{% endif %}", "a"},
  });
}

TEST(Lexer, MinusStripsAllWhiteSpace) {
  expect_templates({
      {"a \n {{- 1 -}} \n b", "a1b"},
      {"a \n {%- if 1 -%} \n b \n {%- endif -%} \n c", "abc"},
      {"a \n {#- c -#} \n b", "ab"},
      {"{{ 1 -}}\n\n{{- 2 }}", "12"},
  });
}

TEST(Lexer, RawBlocksAreText) {
  expect_templates({
      {"{% raw %}{{ a }}{% b %}{# c #}{% endraw %}", "{{ a }}{% b %}{# c #}"},
      {"a {%- raw -%} {{ b }} {%- endraw -%} c", "a{{ b }}c"},
      {"{% raw %}\na\n{% endraw %}\nb", "\na\nb"},
  });
}

TEST(Lexer, SeparatesTextFromTags) {
  EXPECT_EQ(shown(""), "end");
  EXPECT_EQ(shown("a { b }} %} c"), "T:a { b }} %} c end");
  EXPECT_EQ(shown("a{{b}}c{%d%}e"), "T:a {{ n:b }} T:c {% n:d %} T:e end");
  EXPECT_EQ(shown("a{# {{ b }} #}c"), "T:a T:c end");
  EXPECT_EQ(shown("{{ 'a }} b' }}"), "{{ s:a }} b }} end");
  EXPECT_EQ(shown("{{ {'a': {}}}}"), "{{ o:{ s:a o:: o:{ o:} o:} }} end");
}

TEST(Lexer, TellsNamesNumbersStringsAndOperatorsApart) {
  EXPECT_EQ(shown("{{ a1 _b é }}"), "{{ n:a1 n:_b n:é }} end");
  EXPECT_EQ(shown("{{ 7 1_000 0x1F 0x_f_f 0b101 0o17 0 00 }}"), "{{ i:7 i:1000 i:31 i:255 i:5 i:15 i:0 i:0 }} end");
  EXPECT_EQ(shown("{{ 1.5 1e3 1E-2 1_0.2_5 }}"), "{{ f:1.5 f:1000 f:0.01 f:10.25 }} end");
  EXPECT_EQ(shown("{{ x.1.2 1.x }}"), "{{ n:x o:. i:1 o:. i:2 i:1 o:. n:x }} end");
  EXPECT_EQ(shown("{{ \"a'b\" 'a\"b' 'a\\'b' }}"), "{{ s:a'b s:a\"b s:a'b }} end");
  EXPECT_EQ(shown("{{ a**b//c==d!=e>=f<=g~h|i }}"),
            "{{ n:a o:** n:b o:// n:c o:== n:d o:!= n:e o:>= n:f o:<= n:g o:~ n:h o:| n:i }} end");
}

TEST(Lexer, TokensKnowTheirLine) {
  const auto tokens = tokenize("a\n{{ b\n  + 'x\ny'\n}}{% c %}").value();
  std::string lines;
  for (const Token& token : tokens) lines += std::to_string(token.line) + " ";
  EXPECT_EQ(lines, "1 2 2 3 3 5 5 5 5 5 ");
}

TEST(Lexer, ErrorsNameTheLine) {
  for (const auto& [source, message] : std::initializer_list<std::pair<const char*, const char*>>{
           {"a\n{{ b", "line 2: a '{{' without '}}'"},
           {"{% b\n", "line 1: a '{%' without '%}'"},
           {"\n\n{# b", "line 3: missing end of comment tag '#}'"},
           {"{% raw %}\n{{", "line 1: missing end of raw directive"},
           {"{{ 'a }}", "line 1: a string without its end"},
           {"{{\n$ }}", "line 2: unexpected character '$'"},
           {"{{ (] }}", "line 1: unexpected ']', expected ')'"},
           {"{{ ) }}", "line 1: unexpected ')'"},
           {"{{ 340282366920938463463374607431768211456 }}", "line 1: an integer beyond 128 bits"},
           {"{{ '\xff' }}", "the template is not UTF-8"},
       }) {
    EXPECT_EQ(shown(source), message) << source;
  }
}

}  // namespace
}  // namespace braid::jinja
