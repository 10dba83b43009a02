#include "braid/grammar/json/json_rules.h"

#include <utility>

#include "braid/base/check.h"
#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/regex/regex_parser.h"

namespace braid::grammar {
namespace {

constexpr uint32_t kMaxIndentSpaces = 48;
constexpr uint32_t kMaxIndentTabs = 16;

Expr from_regex(std::string_view pattern) {
  auto parsed = parse_regex(pattern, {});
  CHECK(parsed.ok(), "{}", parsed.error().message);
  return std::move(parsed).value();
}

// Up to `max` times one character, as an automaton: it has few states, with one mask each.
Expr up_to(char32_t c, uint32_t max) {
  CharacterDfa dfa{.classes = {unicode::CodePointSet::of(c)}, .next = {}, .accepts = {}, .start = 0};
  for (uint32_t i = 0; i <= max; ++i) {
    dfa.accepts.push_back(1);
    dfa.next.push_back(i == max ? CharacterDfa::kDead : static_cast<int32_t>(i + 1));
  }
  return automaton(std::make_shared<const CharacterDfa>(std::move(dfa)), Spelling::kUtf8);
}

}  // namespace

Expr JsonRules::once(RuleId& id, const std::string& name, bool is_shared, Expr (JsonRules::*body)()) {
  if (id < 0) {
    id = grammar_.add({name, no_text(), is_shared ? name : ""});
    Expr made = (this->*body)();  // may refer to the rule itself
    grammar_.rules[static_cast<size_t>(id)].body = std::move(made);
  }
  return rule_reference(id);
}

Expr JsonRules::space() {
  return once(space_, "JSON space", true, &JsonRules::make_space);
}
Expr JsonRules::string() {
  return once(string_, string_name_, true, &JsonRules::make_string);
}
Expr JsonRules::character() {
  return once(character_, "JSON character", true, &JsonRules::make_character);
}
Expr JsonRules::integer() {
  return once(integer_, "JSON integer", true, &JsonRules::make_integer);
}
Expr JsonRules::number() {
  return once(number_, "JSON number", true, &JsonRules::make_number);
}
Expr JsonRules::value() {
  return once(value_, "JSON value", false, &JsonRules::make_value);
}
Expr JsonRules::any_object() {
  return once(object_, "JSON object", false, &JsonRules::make_object);
}
Expr JsonRules::any_array() {
  return once(array_, "JSON array", false, &JsonRules::make_array);
}

Expr JsonRules::colon() {
  return sequence({bytes(":"), optional(bytes(" "))});
}
Expr JsonRules::comma() {
  return sequence({bytes(","), space()});
}
Expr JsonRules::boolean() {
  return choice({bytes("true"), bytes("false")});
}
Expr JsonRules::null() {
  return bytes("null");
}

Expr JsonRules::make_space() {
  const Expr indent = choice({up_to(' ', kMaxIndentSpaces), up_to('\t', kMaxIndentTabs)});
  return choice({empty_text(), bytes(" "), sequence({bytes("\n"), indent})});
}

Expr JsonRules::make_character() {
  return from_regex(R"([^"\\\x00-\x1f]|\\(["\\/bfnrt]|u([0-9abcefABCEF][0-9a-fA-F]{3}|[dD][0-7][0-9a-fA-F]{2}|)"
                    R"([dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})))");
}

Expr JsonRules::make_string() {
  if (!absent_.empty()) return quoted(automaton(texts_without(absent_), Spelling::kJsonString));
  return quoted(repeat(make_character(), 0));
}

Expr JsonRules::make_integer() {
  return from_regex("-?(0|[1-9][0-9]{0,19})");
}

// Numbers of any size that a double can hold.
Expr JsonRules::make_number() {
  return from_regex(R"(-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,20})?([eE][+-]?([0-9]{1,2}|[01][0-9]{2}|2[0-7][0-9]))?)");
}

Expr JsonRules::make_value() {
  return choice({any_object(), any_array(), string(), number(), boolean(), null()});
}

Expr JsonRules::make_object() {
  const Expr member = sequence({string(), colon(), value()});
  return object(sequence({member, repeat(sequence({comma(), member}), 0)}), true);
}

Expr JsonRules::make_array() {
  return array(sequence({value(), repeat(sequence({comma(), value()}), 0)}), true);
}

Expr JsonRules::quoted(Expr content) {
  return sequence({bytes("\""), std::move(content), bytes("\"")});
}

Expr JsonRules::key(std::string_view utf8) {
  return quoted(text_of(utf8));
}

// The forbidden text can be written with its first character escaped.
Expr JsonRules::text_of(std::string_view utf8) const {
  const size_t at = absent_.empty() ? std::string_view::npos : utf8.find(absent_);
  if (at == std::string_view::npos) return json_text(utf8);
  const std::string escaped = fmt::format("\\u{:04x}", static_cast<unsigned>(absent_.front()));
  return sequence({json_text(utf8.substr(0, at)), bytes(escaped), text_of(utf8.substr(at + 1))});
}

Expr JsonRules::object(Expr content, bool may_be_empty) {
  return sequence({bytes("{"), inside(std::move(content), may_be_empty), space(), bytes("}")});
}

Expr JsonRules::array(Expr content, bool may_be_empty) {
  return sequence({bytes("["), inside(std::move(content), may_be_empty), space(), bytes("]")});
}

Expr JsonRules::inside(Expr content, bool may_be_empty) {
  Expr spaced = sequence({space(), std::move(content)});
  return may_be_empty ? optional(std::move(spaced)) : spaced;
}

Expr JsonRules::literal(const Json& value) {
  if (value.is_string()) return key(value.get_ref<const std::string&>());
  if (!value.is_structured()) return bytes(value.dump());
  std::vector<Expr> parts;
  for (const auto& [name, member] : value.items()) {
    if (!parts.empty()) parts.push_back(comma());
    if (value.is_object()) {
      parts.push_back(key(name));
      parts.push_back(colon());
    }
    parts.push_back(literal(member));
  }
  const bool is_empty = parts.empty();
  const Expr content = is_empty ? empty_text() : sequence({space(), sequence(std::move(parts))});
  return sequence({bytes(value.is_object() ? "{" : "["), content, space(), bytes(value.is_object() ? "}" : "]")});
}

}  // namespace braid::grammar
