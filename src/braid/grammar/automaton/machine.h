// A grammar ready to run: a pushdown automaton over bytes, in flat arrays. Immutable. Tested by
// ../ebnf/ebnf_parser_test.cc and ../grammar_matcher_test.cc.
//
// Invariants: every state is on a path to the end of its rule; a called rule reads at least one byte before it ends;
// calls before the first byte have no cycles (callees have higher numbers).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

struct Machine {
  struct State {
    uint32_t first_byte_edge = 0;
    uint32_t first_call_edge = 0;
    uint32_t first_epsilon = 0;
    uint32_t rule = 0;
    bool accepts = false;
    bool only_accepts = false;  // nothing can follow in its rule
    // In a rule that counts characters. How many of them may follow: numbers from `fewest` to `most`. If some between
    // are missing, the bounds of every call contain others.
    bool counts_characters = false;
    bool ends_character = false;  // each edge to the state ends one
    uint32_t fewest = 0;          // elsewhere all three are 0
    uint32_t fewest_more = 0;     // of at least one; UINT32_MAX if none may follow
    uint32_t most = 0;
  };
  struct RuleEntry {
    std::string shared_key;             // empty: only this grammar has the rule
    bool counts_characters = false;     // its calls bound the length of its text
    StateId first_state = 0;            // its states are consecutive
    std::vector<StateId> entry_states;  // where a call begins: the start states that read or call
    RuleMark mark = RuleMark::kNone;
  };

  std::vector<State> states;  // with one more at the end, which ends the last state's edges
  std::vector<ByteEdge> byte_edges;
  std::vector<CallEdge> call_edges;
  std::vector<StateId> epsilon_targets;
  std::vector<RuleEntry> rules;  // a caller comes before rules that it may call before a byte
  uint32_t root = 0;
  bool accepts_empty_text = false;
  bool has_unique_items = false;  // a rule is marked so
  // Bytes that no state tells apart form one class.
  std::array<uint8_t, 256> byte_class{};
  std::vector<uint8_t> class_byte;  // one byte of each class

  size_t num_states() const { return states.size() - 1; }
  int64_t memory_bytes() const;
  std::span<const ByteEdge> bytes_of(StateId s) const {
    return std::span(byte_edges)
        .subspan(states[s].first_byte_edge, states[s + 1].first_byte_edge - states[s].first_byte_edge);
  }
  std::span<const CallEdge> calls_of(StateId s) const {
    return std::span(call_edges)
        .subspan(states[s].first_call_edge, states[s + 1].first_call_edge - states[s].first_call_edge);
  }
  std::span<const StateId> epsilons_of(StateId s) const {
    return std::span(epsilon_targets)
        .subspan(states[s].first_epsilon, states[s + 1].first_epsilon - states[s].first_epsilon);
  }
};

// `available`: the bytes that can be written. Errors say why the grammar has no text, or that it is too large.
Result<Machine> make_machine(const Grammar& grammar, const ByteSet& available, const GrammarLimits& limits = {});

}  // namespace braid::grammar
