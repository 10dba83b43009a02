// Expressions over characters and rules: the common result of the front ends (regular expression, EBNF, JSON schema).
// Immutable and shared. An expression stands for a set of texts. Tested by ../ebnf/ebnf_parser_test.cc and
// ../json/schema_compiler_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "braid/grammar/automaton/character_dfa.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid::grammar {

using RuleId = int32_t;  // index into Grammar::rules
inline constexpr uint32_t kUnbounded = UINT32_MAX;

// How characters are written in the output.
enum class Spelling : uint8_t {
  kUtf8,
  // As content of a JSON string: quotes, backslashes and controls are escaped; other ASCII is written as it is; other
  // characters may be escaped or not. (ASCII has one spelling, so keys and constants have only one.)
  kJsonString,
};

struct Expression;
using Expr = std::shared_ptr<const Expression>;

struct Expression {
  enum class Kind : uint8_t {
    kBytes,       // exactly `bytes`
    kCharacters,  // one character of `set`
    kSequence,    // `parts`, one after another; without parts, the empty text
    kChoice,      // one of `parts`; without parts, no text at all
    kRepeat,      // parts[0], `min` to `max` times
    kRule,        // rule number `rule`
    kDfa,         // a text that `dfa` accepts, of `min` to `max` characters
    kGraph,       // the parts along a path from node 0 to node 1 of the graph `edges`
    kStart,       // the empty text, only at the start of the rule's text
    kEnd,         // the empty text, only at the end of the rule's text
    kLook,        // the empty text, where parts[0] lies ahead or behind (look_around.h); in no rule
  };
  Kind kind = Kind::kSequence;
  Spelling spelling = Spelling::kUtf8;  // of kCharacters and kDfa
  std::string bytes = {};
  unicode::CodePointSet set = {};
  std::vector<Expr> parts = {};
  uint32_t min = 0;
  uint32_t max = 0;
  RuleId rule = -1;
  std::shared_ptr<const CharacterDfa> dfa = nullptr;
  bool looks_behind = false;  // of kLook
  bool is_negated = false;    // of kLook: where it does not lie there
  struct Edge {
    uint32_t from = 0;
    uint32_t to = 0;
  };
  std::vector<Edge> edges = {};  // of each part
  uint32_t num_nodes = 0;
};

Expr bytes(std::string_view text);
Expr characters(unicode::CodePointSet set, Spelling spelling = Spelling::kUtf8);
Expr sequence(std::vector<Expr> parts);  // joins constants that stand side by side
Expr choice(std::vector<Expr> parts);
Expr repeat(Expr part, uint32_t min, uint32_t max = kUnbounded);
Expr optional(Expr part);
Expr rule_reference(RuleId rule);
Expr automaton(std::shared_ptr<const CharacterDfa> dfa, Spelling spelling);
// Only texts of `min` to `max` characters. Their lengths, from each state of `dfa`, have gaps smaller than these bounds
// (have_small_gaps), and a text that is not empty has such a length.
Expr bounded_automaton(std::shared_ptr<const CharacterDfa> dfa, Spelling spelling, uint32_t min, uint32_t max);
Expr text_start();
Expr text_end();
Expr look(Expr part, bool looks_behind, bool is_negated);

// Builds an expression of kind kGraph.
class Graph {
 public:
  static constexpr uint32_t kStart = 0;
  static constexpr uint32_t kEnd = 1;

  uint32_t add_node() { return graph_.num_nodes++; }
  void add_edge(uint32_t from, uint32_t to, Expr part);
  void add_edge(uint32_t from, uint32_t to);  // for the empty text
  Expr finish();

 private:
  Expression graph_{.kind = Expression::Kind::kGraph, .num_nodes = 2};
};

// `utf8` as the content of a JSON string, in the spelling of kJsonString.
Expr json_text(std::string_view utf8);

inline Expr empty_text() {
  return sequence({});
}
inline Expr no_text() {
  return choice({});
}

// What a matcher checks beside the automaton, which cannot remember values (../unique_items.h).
enum class RuleMark : uint8_t {
  kNone,
  kUniqueArray,  // a JSON array whose items must differ
  kUniqueItem,   // an item of it: the rule ends only if the item equals no earlier one
};

struct Rule {
  std::string name;  // for errors
  Expr body;
  // If not empty: all rules with this key are equal, so what is computed for their states can be shared by all
  // grammars. Such a rule is never copied into another rule, and refers to no other rule.
  std::string shared_key = {};
  RuleMark mark = RuleMark::kNone;  // a marked rule is never copied into another rule
};

struct Grammar {
  std::vector<Rule> rules;
  RuleId root = 0;

  RuleId add(Rule rule) {
    rules.push_back(std::move(rule));
    return static_cast<RuleId>(rules.size() - 1);
  }
};

}  // namespace braid::grammar
