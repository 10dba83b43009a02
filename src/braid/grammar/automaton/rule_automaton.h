// A rule as a nondeterministic automaton, which reads bytes and calls other rules. Tested by
// ../ebnf/ebnf_parser_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/automaton/arena_list.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

using StateId = uint32_t;

struct ByteEdge {
  uint8_t first = 0;
  uint8_t last = 0;
  StateId target = 0;

  bool operator==(const ByteEdge&) const = default;
};

// Reads `size` bytes of RuleSet::text, at least two. Most of a schema's grammar is names and constants: an edge for
// each takes a tenth of the time and memory of states between their bytes, which the machine adds at the end.
struct LiteralEdge {
  uint32_t begin = 0;
  uint32_t size = 0;
  StateId target = 0;
};

// `min` to `max` texts of `rule` (1 <= min <= max); or one text of it, of `min` to `max` characters, if the rule counts
// characters.
struct CallEdge {
  RuleId rule = 0;
  uint32_t min = 1;
  uint32_t max = 1;
  StateId target = 0;

  bool operator==(const CallEdge&) const = default;
};

// Its lists lie in its rule's arena.
struct AutomatonState {
  // Whether it reads bytes or calls a rule.
  bool goes_on() const { return !bytes.empty() || !literals.empty() || !calls.empty(); }

  bool accepts = false;
  bool ends_character = false;  // in a rule that counts characters: each edge to it ends one
  ArenaList<ByteEdge> bytes = {};
  ArenaList<LiteralEdge> literals = {};
  ArenaList<CallEdge> calls = {};
  ArenaList<StateId> epsilons = {};  // targets reached without a byte
};

struct RuleAutomaton {
  Arena* arena = nullptr;  // the rule set's
  std::string name = {};
  std::string shared_key = {};  // Rule::shared_key
  RuleMark mark = RuleMark::kNone;
  // Its calls bound the length of its text. It has no epsilons and literals, and calls only rules for one character.
  bool counts_characters = false;
  std::vector<AutomatonState> states = {};
  StateId start = 0;

  StateId add_state() {
    states.emplace_back();
    return static_cast<StateId>(states.size() - 1);
  }
};

// One automaton for each rule; each numbers its states from 0.
struct RuleSet {
  std::unique_ptr<Arena> arena;
  std::vector<RuleAutomaton> rules;
  RuleId root = 0;
  std::string text;  // of the literal edges
};

struct GrammarLimits {
  int64_t max_states = 300'000;  // of all rules together, before they become deterministic
  int64_t max_edges = 3'000'000;
  int32_t max_rules = 50'000;
};

// Every state that can be reached from `from` without a byte, `from` itself included, in ascending order.
std::vector<StateId> epsilon_closure(const RuleAutomaton& rule, std::vector<StateId> from);

}  // namespace braid::grammar
