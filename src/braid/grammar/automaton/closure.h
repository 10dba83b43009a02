// One step's work: everything that follows, without another byte, from the places that a byte has led to.
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
  // A call of `rule` that returns as `frame` says.
  void call(uint32_t rule, const Frame& frame);

  // Follows up on all that has arrived and was called. False if that is too much; either way nothing is left behind.
  bool run(Config& out);

 private:
  void follow(const Item& place, Config& out);
  void follow_calls(StateId state, NodeId node);
  void complete_rule(uint32_t rule, NodeId node, Config& out);
  void enter(uint32_t rule, Config& out);
  void clear();

  // Beyond these the grammar is too ambiguous: a step would take too long, and its configurations too much memory.
  static constexpr size_t kMaxItems = 16'384;
  static constexpr size_t kMaxWork = 65'536;
  static constexpr size_t kFewPlaces = 24;  // up to here, looking at each beats hashing

  Explorer& explorer_;
  std::vector<Item> places_;  // that arrived; those behind next_place_ are not followed yet
  size_t next_place_ = 0;
  std::unordered_set<uint64_t> seen_;        // the same, when there are many
  std::vector<std::vector<Frame>> pending_;  // by rule: the calls of it
  std::vector<uint32_t> called_;             // a heap of the rules with calls, the lowest number first
  size_t work_ = 0;
};

}  // namespace braid::grammar
