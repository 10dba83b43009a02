// One step of the explorer: from the places that a byte led to, finds all places that follow without another byte.
// Tested by ../ebnf/ebnf_parser_test.cc.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "braid/grammar/automaton/explorer.h"

namespace braid::grammar {

class Explorer::Closure {
 public:
  explicit Closure(Explorer& explorer) : explorer_(explorer), pending_(explorer.machine().rules.size()) {}

  void arrive(StateId state, NodeId node);
  // Calls `rule`, which returns to `frame`.
  void call(uint32_t rule, const Frame& frame);

  // Follows all arrivals and calls. False if that is too much work. Clears them in either case. Without
  // `ends_unique_items`, no rule with that mark ends.
  bool run(Config& out, bool ends_unique_items = true);

 private:
  void follow(const Item& place, Config& out);
  bool can_count(const Item& place) const;
  NodeId counted(const Item& place);
  void follow_calls(StateId state, NodeId node);
  void complete_rule(uint32_t rule, NodeId node, Config& out);
  void enter(uint32_t rule, Config& out);
  void clear();

  // Above these limits the grammar is too ambiguous: a step would take too long, and its configurations too much
  // memory.
  static constexpr size_t kMaxItems = 16'384;
  static constexpr size_t kMaxWork = 65'536;
  static constexpr size_t kFewPlaces = 24;  // up to this many, a linear search is faster than hashing

  Explorer& explorer_;
  std::vector<Item> places_;  // arrivals; those from next_place_ on are not followed yet
  size_t next_place_ = 0;
  std::unordered_set<uint64_t> seen_;        // the same as a set, if there are many
  std::vector<std::vector<Frame>> pending_;  // by rule: its calls
  std::vector<uint32_t> called_;             // a heap of the called rules, lowest number first
  size_t work_ = 0;
  bool ends_unique_items_ = true;
  bool ended_character_ = false;
};

}  // namespace braid::grammar
