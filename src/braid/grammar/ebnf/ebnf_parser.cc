#include "braid/grammar/ebnf/ebnf_parser.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/regex/cursor.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

using unicode::CodePointRange;
using unicode::CodePointSet;

constexpr size_t kMaxSourceBytes = 1 << 20;
constexpr size_t kMaxRules = 10'000;

bool is_name_character(char32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}
bool starts_name(char32_t c) {
  return is_name_character(c) && c != '-' && c != '.';
}

class EbnfParser {
 public:
  explicit EbnfParser(std::string_view source) : cursor_(source) {}

  Result<Grammar> parse() {
    skip_space();
    while (!cursor_.at_end()) TRY_STATUS(parse_rule());
    for (const auto& [name, use] : rules_) {
      if (is_defined_[static_cast<size_t>(use.id)] != 0) continue;
      cursor_.go_to(use.first_use);
      return fail("rule \"{}\" is used but not defined", excerpt(name));
    }
    const auto root = rules_.find("root");
    if (root == rules_.end()) return fail("there is no rule \"root\", with which a grammar begins");
    grammar_.root = root->second.id;
    return std::move(grammar_);
  }

  size_t position() const { return cursor_.position(); }

 private:
  struct Use {
    RuleId id = 0;
    size_t first_use = 0;
  };

  // Skips spaces, line ends and comments.
  void skip_space() {
    while (!cursor_.at_end()) {
      const char32_t c = cursor_.peek();
      if (c == '#') {
        while (!cursor_.at_end() && cursor_.peek() != '\n') cursor_.next();
      } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        cursor_.next();
      } else {
        return;
      }
    }
  }

  std::string_view read_name() {
    const size_t start = cursor_.position();
    while (is_name_character(cursor_.peek())) cursor_.next();
    return cursor_.since(start);
  }

  // True if a rule's definition starts here.
  bool sees_definition() {
    const size_t start = cursor_.position();
    const bool has_name = starts_name(cursor_.peek()) && !read_name().empty();
    skip_space();
    const bool found = has_name && cursor_.sees("::=");
    cursor_.go_to(start);
    return found;
  }

  Result<RuleId> rule_of(std::string_view name, size_t position) {
    const auto found = rules_.find(name);
    if (found != rules_.end()) return found->second.id;
    if (rules_.size() >= kMaxRules) return fail("more than {} rules", kMaxRules);
    const RuleId id = grammar_.add({std::string(name), no_text()});
    is_defined_.push_back(0);
    rules_.emplace(name, Use{id, position});
    return id;
  }

  Status parse_rule() {
    if (!sees_definition()) return fail("expected a rule: name ::= …");
    const size_t start = cursor_.position();
    const std::string_view name = read_name();
    TRY(const RuleId id, rule_of(name, start));
    if (std::exchange(is_defined_[static_cast<size_t>(id)], 1) != 0) {
      cursor_.go_to(start);
      return fail("rule \"{}\" is defined twice", excerpt(name));
    }
    skip_space();
    cursor_.take("::=");
    TRY(grammar_.rules[static_cast<size_t>(id)].body, parse_choice(0));
    if (cursor_.sees(")")) return fail("an unmatched ')'");
    return {};
  }

  Result<Expr> parse_choice(int depth) {
    if (depth > kMaxGroupDepth) return fail("groups are nested deeper than {}", kMaxGroupDepth);
    std::vector<Expr> branches;
    do {
      TRY(Expr branch, parse_sequence(depth));
      branches.push_back(std::move(branch));
    } while (cursor_.take("|"));
    return choice(std::move(branches));
  }

  Result<Expr> parse_sequence(int depth) {
    std::vector<Expr> parts;
    while (true) {
      skip_space();
      if (cursor_.at_end() || cursor_.sees("|") || cursor_.sees(")") || sees_definition()) break;
      TRY(Expr element, parse_element(depth));
      TRY(Expr part, parse_repetition(std::move(element)));
      parts.push_back(std::move(part));
    }
    return sequence(std::move(parts));
  }

  Result<Expr> parse_element(int depth) {
    if (cursor_.take("\"")) return parse_literal();
    if (cursor_.take("[")) return parse_class();
    if (cursor_.take(".")) return characters(scalar_values());
    if (cursor_.sees("(=")) return fail("a look-ahead (= …) is not supported");
    if (cursor_.take("(")) {
      TRY(Expr group, parse_choice(depth + 1));
      if (!cursor_.take(")")) return fail("a '(' is not closed");
      return group;
    }
    if (cursor_.sees("<") || cursor_.sees("!")) {
      return fail("a token (<…>) is not supported: a grammar here speaks of text alone");
    }
    const size_t start = cursor_.position();
    if (starts_name(cursor_.peek())) {
      const std::string_view name = read_name();
      const bool is_macro =
          name == "TagDispatch" || name == "Token" || name == "ExcludeToken" || name == "TokenTagDispatch";
      if (is_macro && cursor_.sees("(")) {
        return fail("the macro {} is not supported: a grammar here speaks of text alone", name);
      }
      TRY(const RuleId id, rule_of(name, start));
      return rule_reference(id);
    }
    std::string found;
    unicode::append_code_point(cursor_.peek(), found);
    return fail("expected a literal, a class, a rule or a group, found '{}'", found);
  }

  Result<Expr> parse_literal() {
    std::string text;
    while (!cursor_.take("\"")) {
      if (cursor_.at_end() || cursor_.peek() == '\n') return fail("a literal is not closed");
      TRY(const char32_t c, read_character());
      unicode::append_code_point(c, text);
    }
    return bytes(text);
  }

  Result<Expr> parse_class() {
    const bool inverted = cursor_.take("^");
    std::vector<CodePointRange> ranges;
    while (!cursor_.take("]")) {
      if (cursor_.at_end() || cursor_.peek() == '\n') return fail("a character class is not closed");
      TRY(const char32_t first, read_character());
      char32_t last = first;
      if (cursor_.sees("-") && !cursor_.sees("-]")) {
        cursor_.next();
        if (cursor_.at_end()) return fail("a character class is not closed");
        TRY(last, read_character());
      }
      if (last < first) return fail("a range in a character class runs backwards");
      ranges.push_back({first, last});
    }
    if (ranges.empty() && !inverted) return fail("a character class is empty");
    const CodePointSet set(std::move(ranges));
    return characters(scalar_values().intersected(inverted ? set.inverted() : set));
  }

  // A character of a literal or a class, plain or escaped.
  Result<char32_t> read_character() {
    if (!cursor_.take("\\")) return cursor_.next();
    if (cursor_.at_end()) return fail("it ends in a backslash");
    const char32_t c = cursor_.next();
    constexpr std::pair<char32_t, char32_t> kControls[] = {{'n', '\n'}, {'r', '\r'}, {'t', '\t'},
                                                           {'b', '\b'}, {'f', '\f'}, {'a', '\a'},
                                                           {'v', '\v'}, {'0', 0},    {'e', 0x1B}};
    for (const auto& [letter, value] : kControls) {
      if (c == letter) return value;
    }
    if (c == 'x') return read_hex(2);
    if (c == 'u') return read_hex(4);
    if (c == 'U') return read_hex(8);
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_letter || c >= 0x80 || c < 0x20) {
      std::string name;
      unicode::append_code_point(c, name);
      return fail("the escape \\{} is not known", name);
    }
    return c;
  }

  Result<char32_t> read_hex(int num_digits) {
    uint64_t value = 0;
    for (int i = 0; i < num_digits; ++i) {
      const int digit = hex_value(cursor_.peek());
      if (digit < 0) return fail("an escape needs {} hexadecimal digits", num_digits);
      value = value * 16 + static_cast<uint64_t>(digit);
      cursor_.next();
    }
    if (value >= unicode::kNumCodePoints || (value >= 0xD800 && value < 0xE000)) {
      return fail("U+{:04X} is no character", value);
    }
    return static_cast<char32_t>(value);
  }

  Result<Expr> parse_repetition(Expr element) {
    while (cursor_.sees(" ") || cursor_.sees("\t")) cursor_.next();
    uint32_t min = 0;
    uint32_t max = kUnbounded;
    if (cursor_.take("+")) {
      min = 1;
    } else if (cursor_.take("?")) {
      max = 1;
    } else if (cursor_.take("{")) {
      TRY_STATUS(read_bounds(min, max));
    } else if (!cursor_.take("*")) {
      return element;
    }
    if (cursor_.sees("*") || cursor_.sees("+") || cursor_.sees("?") || cursor_.sees("{")) {
      return fail("a repetition of a repetition: put the first in a group");
    }
    return repeat(std::move(element), min, max);
  }

  // After the '{': "m}", "m,}" or "m,n}".
  Status read_bounds(uint32_t& min, uint32_t& max) {
    const auto skip_blanks = [&] {
      while (cursor_.sees(" ") || cursor_.sees("\t")) cursor_.next();
    };
    const auto number = [&]() -> std::optional<uint32_t> {
      std::optional<uint32_t> value;
      skip_blanks();
      while (cursor_.peek() >= '0' && cursor_.peek() <= '9') {
        const uint64_t next = uint64_t{value.value_or(0)} * 10 + (cursor_.next() - U'0');
        value = static_cast<uint32_t>(std::min<uint64_t>(next, kUnbounded - 1));
      }
      skip_blanks();
      return value;
    };
    const auto first = number();
    if (!first) return fail("a repetition needs its least number: {{m}}, {{m,}} or {{m,n}}");
    min = *first;
    max = *first;
    if (cursor_.take(",")) max = number().value_or(kUnbounded);
    if (!cursor_.take("}")) return fail("a repetition is not closed: {{m}}, {{m,}} or {{m,n}}");
    if (max < min) return fail("a repetition {{{},{}}} runs backwards", min, max);
    if (min > kMaxRepetitions || (max > kMaxRepetitions && max != kUnbounded)) {
      return fail("a repetition of more than {}", kMaxRepetitions);
    }
    return {};
  }

  Cursor cursor_;
  Grammar grammar_;
  std::map<std::string, Use, std::less<>> rules_;
  std::vector<char> is_defined_;
};

}  // namespace

Result<Grammar> parse_ebnf(std::string_view source) {
  if (!unicode::is_valid_utf8(source)) return fail("the grammar is not valid UTF-8");
  if (source.size() > kMaxSourceBytes) {
    return fail("a grammar of {} bytes: at most {}", source.size(), kMaxSourceBytes);
  }
  EbnfParser parser(source);
  auto grammar = parser.parse();
  if (grammar.ok()) return grammar;
  const std::string_view before = source.substr(0, parser.position());
  const size_t line = static_cast<size_t>(std::ranges::count(before, '\n')) + 1;
  const size_t column = before.size() - (before.find_last_of('\n') + 1) + 1;
  return fail("grammar, line {}, column {}: {}", line, column, grammar.error().message);
}

}  // namespace braid::grammar
