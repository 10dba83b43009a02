// The states between the bytes of a rule's literal edges, as the machine has them. Edges with one target and one end in
// the text are each the end of the longest of them, and share its states. Tested by ../ebnf/ebnf_parser_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

class LiteralStates {
 public:
  // Reads one byte. Numbered after the rule's own states.
  struct State {
    uint32_t next_byte = 0;  // its place in RuleSet::text
    StateId target = 0;
  };

  explicit LiteralStates(const RuleAutomaton& rule);

  std::span<const State> states() const { return states_; }
  StateId after_first_byte(const LiteralEdge& edge) const;

 private:
  using Key = std::pair<uint32_t, StateId>;  // the end in the text, and the target
  struct Chain {
    Key key;
    uint32_t size = 0;  // of the longest edge
    StateId end = 0;    // after its last state
  };
  static Key key_of(const LiteralEdge& edge) { return {edge.begin + edge.size, edge.target}; }

  std::vector<State> states_;
  std::vector<Chain> chains_;  // sorted
};

}  // namespace braid::grammar
