#include "braid/tokenizer/regex/pattern_parser.h"

#include <utility>

#include "braid/tokenizer/regex/character_class.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid {
namespace {

using unicode::CodePointSet;

class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) : cursor_(pattern) { groups_.push_back({}); }

  Result<std::vector<PatternPiece>> parse() {
    while (!cursor_.at_end()) TRY_STATUS(parse_one());
    if (groups_.size() > 1) return fail("a group is not closed");
    return std::move(pieces_);
  }

 private:
  struct Group {
    size_t first_piece = 0;
    bool ignores_case = false;
    bool dot_matches_newline = false;
  };

  Status parse_one() {
    const char32_t c = cursor_.next();
    switch (c) {
      case '\\':
        return parse_escape();
      case '[': {
        TRY(CodePointSet set, parse_class(cursor_, groups_.back().ignores_case));
        add_set(std::move(set));
        return {};
      }
      case '(':
        return open_group();
      case ')':
        return close_group();
      case '|':
      case '^':
      case '$':
        add_syntax(std::string(1, static_cast<char>(c)));
        return {};
      case '.': {
        const CodePointSet newline = CodePointSet::of('\n');
        add_set(groups_.back().dot_matches_newline ? CodePointSet().inverted() : newline.inverted());
        return {};
      }
      case '*':
      case '+':
      case '?':
        return add_quantifier(std::string(1, static_cast<char>(c)));
      case '{': {
        const std::string bounds = cursor_.take_bounds();
        if (!bounds.empty()) return add_quantifier(bounds);
        break;
      }
      default:
        break;
    }
    add_set(with_case(CodePointSet::of(c), groups_.back().ignores_case));
    return {};
  }

  Status parse_escape() {
    if (cursor_.at_end()) return fail("it ends in a backslash");
    const char32_t c = cursor_.peek();
    if (c == 'b' || c == 'B') {
      cursor_.next();
      add_word_border(c == 'b');
      return {};
    }
    if (c == 'A' || c == 'z' || c == 'Z') {
      cursor_.next();
      add_syntax(std::string("\\") + static_cast<char>(c));
      return {};
    }
    TRY(Escape escape, read_escape(cursor_, false));
    add_set(escape.literal ? with_case(escape.set, groups_.back().ignores_case) : std::move(escape.set));
    return {};
  }

  // \b and \B become look-arounds: only our tables know which characters are word characters.
  void add_word_border(bool is_border) {
    const CodePointSet word = unicode::word_characters();
    const auto look = [&](const char* open) {
      pieces_.push_back({open, std::nullopt});
      pieces_.push_back({"", word});
      pieces_.push_back({")", std::nullopt});
    };
    set_atom(pieces_.size());
    pieces_.push_back({"(?:", std::nullopt});
    look("(?<=");
    look(is_border ? "(?!" : "(?=");
    pieces_.push_back({"|", std::nullopt});
    look("(?<!");
    look(is_border ? "(?=" : "(?!");
    pieces_.push_back({")", std::nullopt});
  }

  Status open_group() {
    Group group = groups_.back();
    group.first_piece = pieces_.size();
    std::string syntax = "(?:";
    if (cursor_.take('?')) {
      if (cursor_.take('#')) {
        while (!cursor_.at_end() && cursor_.peek() != ')') cursor_.next();
        if (!cursor_.take(')')) return fail("a comment is not closed");
        return {};
      }
      if (cursor_.take('=')) {
        syntax = "(?=";
      } else if (cursor_.take('!')) {
        syntax = "(?!";
      } else if (cursor_.take('>')) {
        syntax = "(?>";
      } else if (cursor_.take('<')) {
        if (cursor_.take('=')) {
          syntax = "(?<=";
        } else if (cursor_.take('!')) {
          syntax = "(?<!";
        } else {  // a named group: its name is never referred to
          while (!cursor_.at_end() && cursor_.peek() != '>') cursor_.next();
          if (!cursor_.take('>')) return fail("a group's name is not closed");
        }
      } else {
        TRY_STATUS(read_flags(group));
        if (cursor_.take(')')) {  // (?i): from here to the end of the enclosing group
          groups_.back().ignores_case = group.ignores_case;
          groups_.back().dot_matches_newline = group.dot_matches_newline;
          return {};
        }
        if (!cursor_.take(':')) return fail("the group '(?{}' is not supported", cursor_.rest_start());
      }
    }
    pieces_.push_back({syntax, std::nullopt});
    groups_.push_back(group);
    return {};
  }

  Status read_flags(Group& group) {
    bool value = true;
    while (!cursor_.at_end()) {
      if (cursor_.take('-')) {
        value = false;
      } else if (cursor_.take('i')) {
        group.ignores_case = value;
      } else if (cursor_.take('m') || cursor_.take('s')) {
        group.dot_matches_newline = value;
      } else {
        return {};
      }
    }
    return {};
  }

  Status close_group() {
    if (groups_.size() == 1) return fail("a ')' without its '('");
    pieces_.push_back({")", std::nullopt});
    set_atom(groups_.back().first_piece);
    groups_.pop_back();
    return {};
  }

  Status add_quantifier(const std::string& quantifier) {
    if (!atom_) return fail("'{}' has nothing before it to repeat", quantifier);
    if (is_repeated_) {  // a second quantifier repeats the whole
      pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(*atom_), {"(?:", std::nullopt});
      pieces_.push_back({")", std::nullopt});
    }
    pieces_.push_back({quantifier, std::nullopt});
    is_repeated_ = true;
    // Ruby's syntax: {2}? is an optional {2}, but {2,3}? is lazy.
    const bool is_fixed = quantifier.front() == '{' && quantifier.find(',') == std::string::npos;
    if (!is_fixed && cursor_.take('?')) {
      pieces_.push_back({"?", std::nullopt});
    } else if (quantifier.front() != '{' && cursor_.take('+')) {  // {1,3}+ is not possessive in Ruby's syntax
      pieces_.push_back({"+", std::nullopt});
    }
    return {};
  }

  void add_syntax(std::string syntax) {
    pieces_.push_back({std::move(syntax), std::nullopt});
    atom_.reset();
  }
  void add_set(CodePointSet set) {
    set_atom(pieces_.size());
    pieces_.push_back({"", std::move(set)});
  }
  void set_atom(size_t piece) {
    atom_ = piece;
    is_repeated_ = false;
  }

  PatternCursor cursor_;
  std::vector<PatternPiece> pieces_;
  std::vector<Group> groups_;
  std::optional<size_t> atom_;  // start of the piece that a quantifier would repeat
  bool is_repeated_ = false;    // it already has a quantifier
};

}  // namespace

Result<std::vector<PatternPiece>> parse_pattern(std::string_view pattern) {
  return PatternParser(pattern).parse();
}

}  // namespace braid
