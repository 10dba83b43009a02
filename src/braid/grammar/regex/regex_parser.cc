#include "braid/grammar/regex/regex_parser.h"

#include <optional>
#include <utility>

#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/automaton/search.h"
#include "braid/grammar/regex/regex_classes.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

using unicode::CodePointSet;

constexpr size_t kMaxPatternBytes = 65'536;

class RegexParser {
 public:
  RegexParser(std::string_view pattern, const RegexOptions& options)
      : cursor_(pattern), spelling_(options.spelling), looks_around_(options.looks_around) {}

  Result<Expr> parse() {
    TRY(Expr whole, parse_choice(0));
    if (!cursor_.at_end()) return fail("an unmatched ')'");
    return whole;
  }

  size_t position() const { return cursor_.position(); }

 private:
  struct Flags {
    bool ignores_case = false;
    bool dot_is_all = false;
    bool is_wide = false;  // in a negated look-around: classes are those of any dialect
  };
  struct Bounds {
    uint32_t min = 0;
    uint32_t max = 0;
  };

  Expr one_of(CodePointSet set) const { return characters(std::move(set), spelling_); }

  Result<Expr> parse_choice(int depth) {
    if (depth > kMaxGroupDepth) return fail("groups are nested deeper than {}", kMaxGroupDepth);
    const Flags outside = flags_;  // flags set inside the group end with it
    std::vector<Expr> branches;
    do {
      TRY(Expr branch, parse_sequence(depth));
      branches.push_back(std::move(branch));
    } while (cursor_.take("|"));
    flags_ = outside;
    return choice(std::move(branches));
  }

  Result<Expr> parse_sequence(int depth) {
    std::vector<Expr> parts;
    while (!cursor_.at_end() && !cursor_.sees("|") && !cursor_.sees(")")) {
      TRY(std::optional<Expr> atom, parse_atom(depth));
      if (!atom) continue;  // flags
      TRY(Expr part, parse_quantifiers(std::move(*atom)));
      parts.push_back(std::move(part));
    }
    return sequence(std::move(parts));
  }

  Result<std::optional<Expr>> parse_atom(int depth) {
    if (cursor_.take("(")) return parse_group(depth);
    if (cursor_.take("[")) {
      TRY(CodePointSet set, read_regex_class(cursor_, flags_.ignores_case, flags_.is_wide));
      return std::optional(one_of(std::move(set)));
    }
    if (cursor_.take(".")) {
      const CodePointSet line_ends =
          flags_.is_wide ? CodePointSet::of('\n') : CodePointSet({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
      const CodePointSet all = scalar_values();
      return std::optional(one_of(flags_.dot_is_all ? all : all.intersected(line_ends.inverted())));
    }
    if (cursor_.take("^") || cursor_.take("\\A")) return std::optional(text_start());
    if (cursor_.take("$") || cursor_.take("\\Z") || cursor_.take("\\z")) return std::optional(text_end());
    if (looks_around_ && cursor_.take("\\b")) {
      RegexParser boundary(R"((?<=\w)(?=\W|$)|(?<=\W|^)(?=\w))", {.spelling = spelling_, .looks_around = true});
      boundary.flags_ = flags_;
      TRY(Expr expression, boundary.parse());
      return std::optional(std::move(expression));
    }
    if (cursor_.take("\\")) {
      TRY(const RegexEscape escape, read_regex_escape(cursor_, flags_.is_wide));
      return std::optional(one_of(escape.literal ? cased(*escape.literal) : escape.set));
    }
    if (cursor_.sees("*") || cursor_.sees("+") || cursor_.sees("?") || read_bounds()) {
      return fail("a repetition of nothing");
    }
    return std::optional(one_of(cased(cursor_.next())));
  }

  CodePointSet cased(char32_t c) const {
    const CodePointSet set = CodePointSet::of(c);
    return flags_.ignores_case ? with_other_case(set, flags_.is_wide) : set;
  }

  // After the '('. Nothing for flags that apply from here on.
  Result<std::optional<Expr>> parse_group(int depth) {
    Flags inside = flags_;
    if (cursor_.take("?")) {
      for (const std::string_view sign : {"=", "!", "<=", "<!"}) {
        if (cursor_.take(sign)) return parse_look(sign.starts_with('<'), sign.ends_with('!'), depth);
      }
      if (cursor_.sees(">")) return fail("atomic groups are not supported");
      if (cursor_.sees("P=")) return fail("a back-reference is not regular: no automaton can follow it");
      if (cursor_.sees("(")) return fail("conditional groups are not supported");
      if (cursor_.take("#")) {
        while (!cursor_.at_end() && !cursor_.sees(")")) cursor_.next();
        if (!cursor_.take(")")) return fail("a comment is not closed");
        return std::optional<Expr>();
      }
      if (cursor_.take("P<") || cursor_.take("<")) {
        while (!cursor_.at_end() && !cursor_.sees(">")) cursor_.next();
        if (!cursor_.take(">")) return fail("a group's name is not closed");
      } else if (!cursor_.take(":")) {
        TRY_STATUS(read_flags(inside));
        if (cursor_.take(")")) {
          flags_ = inside;
          return std::optional<Expr>();
        }
        cursor_.next();  // the ':'
      }
    } else if (cursor_.sees("*")) {
      return fail("verbs such as (*…) are not supported");
    }
    const Flags outside = std::exchange(flags_, inside);
    TRY(Expr group, parse_choice(depth + 1));
    flags_ = outside;
    if (!cursor_.take(")")) return fail("a '(' is not closed");
    return std::optional(std::move(group));
  }

  Result<std::optional<Expr>> parse_look(bool looks_behind, bool is_negated, int depth) {
    if (!looks_around_) return fail("look-{} is not supported", looks_behind ? "behind" : "ahead");
    const Flags outside = flags_;
    flags_.is_wide = flags_.is_wide != is_negated;
    TRY(Expr part, parse_choice(depth + 1));
    flags_ = outside;
    if (!cursor_.take(")")) return fail("a '(' is not closed");
    return std::optional(look(std::move(part), looks_behind, is_negated));
  }

  // Flags "i", "s", "-i", … up to the ':' or ')'.
  Status read_flags(Flags& flags) {
    bool value = true;
    while (!cursor_.sees(":") && !cursor_.sees(")")) {
      if (cursor_.at_end()) return fail("a '(?' is not closed");
      const char32_t c = cursor_.next();
      if (c == '-') {
        value = false;
      } else if (c == 'i') {
        flags.ignores_case = value;
      } else if (c == 's') {
        flags.dot_is_all = value;
      } else if (c != 'u' && c != 'a') {  // Unicode or ASCII classes: both apply here
        std::string name;
        unicode::append_code_point(c, name);
        return fail("the group or flag (?{} is not supported", name);
      }
    }
    return {};
  }

  Result<Expr> parse_quantifiers(Expr atom) {
    std::optional<Bounds> bounds;
    if (cursor_.sees("{,")) return fail("dialects differ about {{,n}}: write {{0,n}}");
    if (cursor_.take("*")) {
      bounds = {0, kUnbounded};
    } else if (cursor_.take("+")) {
      bounds = {1, kUnbounded};
    } else if (cursor_.take("?")) {
      bounds = {0, 1};
    } else {
      bounds = read_bounds();
    }
    if (!bounds) return atom;
    if (bounds->max < bounds->min) return fail("a repetition {{{},{}}} runs backwards", bounds->min, bounds->max);
    if (bounds->min > kMaxRepetitions || (bounds->max > kMaxRepetitions && bounds->max != kUnbounded)) {
      return fail("a repetition of more than {}", kMaxRepetitions);
    }
    cursor_.take("?");  // a lazy quantifier has the same texts
    if (cursor_.sees("+")) return fail("possessive repetitions are not supported");
    if (cursor_.sees("*") || cursor_.sees("?")) return fail("a repetition of a repetition: put the first in a group");
    const size_t here = cursor_.position();
    if (read_bounds()) return fail("a repetition of a repetition: put the first in a group");
    cursor_.go_to(here);
    return repeat(std::move(atom), bounds->min, bounds->max);
  }

  // "{m}", "{m,}" or "{m,n}". Otherwise reads nothing: then '{' is a literal.
  std::optional<Bounds> read_bounds() {
    const size_t start = cursor_.position();
    const auto number = [&]() -> std::optional<uint32_t> {
      std::optional<uint32_t> value;
      while (cursor_.peek() >= '0' && cursor_.peek() <= '9') {
        const uint64_t next = uint64_t{value.value_or(0)} * 10 + (cursor_.next() - U'0');
        value = static_cast<uint32_t>(std::min<uint64_t>(next, kUnbounded - 1));
      }
      return value;
    };
    if (cursor_.take("{")) {
      if (const auto min = number()) {
        if (cursor_.take("}")) return Bounds{*min, *min};
        if (cursor_.take(",")) {
          const auto max = number();
          if (cursor_.take("}")) return Bounds{*min, max.value_or(kUnbounded)};
        }
      }
    }
    cursor_.go_to(start);
    return std::nullopt;
  }

  Cursor cursor_;
  const Spelling spelling_;
  const bool looks_around_;
  Flags flags_;
};

}  // namespace

Result<Expr> parse_regex(std::string_view pattern, const RegexOptions& options) {
  if (!unicode::is_valid_utf8(pattern)) return fail("the regular expression is not valid UTF-8");
  if (pattern.size() > kMaxPatternBytes) {
    return fail("a regular expression of {} bytes: at most {}", pattern.size(), kMaxPatternBytes);
  }
  RegexParser parser(pattern, options);
  auto parsed = parser.parse();
  if (!parsed.ok()) {
    return fail("regular expression \"{}\": {} (at byte {})", excerpt(pattern), parsed.error().message,
                parser.position());
  }
  if (!options.searches) return parsed;
  const Expr anything = repeat(characters(scalar_values(), options.spelling), 0);
  return followed_by(anything, preceded_by(anything, *parsed));
}

}  // namespace braid::grammar
