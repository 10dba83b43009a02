// What every front end (regular expression, EBNF, JSON schema) turns its source into: expressions over characters and
// rules. Immutable and shared; plain structure, no meaning beyond "these texts".
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

// How a character is written in the output.
enum class Spelling : uint8_t {
  kUtf8,
  // As the content of a JSON string: what may stand there as it is does; quotes, backslashes and controls are escaped;
  // what is not ASCII may be either. (ASCII has one spelling, so that keys and constants have one.)
  kJsonString,
};

struct Expression;
using Expr = std::shared_ptr<const Expression>;

struct Expression {
  enum class Kind : uint8_t {
    kBytes,       // exactly `bytes`
    kCharacters,  // one character of `set`
    kSequence,    // `parts`, one after another; none: the empty text
    kChoice,      // one of `parts`; none: no text at all
    kRepeat,      // parts[0], `min` to `max` times
    kRule,        // rule number `rule`
    kDfa,         // a text that `dfa` accepts
    kGraph,       // the parts along some path from node 0 to node 1 of the graph `edges`
    kStart,       // nothing, but only where the rule's text starts
    kEnd,         // nothing, but only where the rule's text ends
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
  struct Edge {
    uint32_t from = 0;
    uint32_t to = 0;
  };
  std::vector<Edge> edges = {};  // of each part
  uint32_t num_nodes = 0;
};

Expr bytes(std::string_view text);
Expr characters(unicode::CodePointSet set, Spelling spelling = Spelling::kUtf8);
Expr sequence(std::vector<Expr> parts);
Expr choice(std::vector<Expr> parts);
Expr repeat(Expr part, uint32_t min, uint32_t max = kUnbounded);
Expr optional(Expr part);
Expr rule_reference(RuleId rule);
Expr automaton(std::shared_ptr<const CharacterDfa> dfa, Spelling spelling);
Expr text_start();
Expr text_end();

// Puts an expression of kGraph together.
class Graph {
 public:
  static constexpr uint32_t kStart = 0;
  static constexpr uint32_t kEnd = 1;

  uint32_t add_node() { return graph_.num_nodes++; }
  void add_edge(uint32_t from, uint32_t to, Expr part);
  void add_edge(uint32_t from, uint32_t to);  // without a text
  Expr finish();

 private:
  Expression graph_{.kind = Expression::Kind::kGraph, .num_nodes = 2};
};

// Texts that all are JSON strings' contents, spelled as kJsonString says.
Expr json_text(std::string_view utf8);

inline Expr empty_text() {
  return sequence({});
}
inline Expr no_text() {
  return choice({});
}

struct Rule {
  std::string name;  // for errors
  Expr body;
  // Not empty: this rule is the same wherever it occurs under this key, so that what is computed for its states can be
  // shared by all grammars. It is never copied into another rule, and refers to no other.
  std::string shared_key = {};
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
