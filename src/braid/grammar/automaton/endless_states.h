// Which states of a machine can go on without end before their rule ends: they have texts of any length before them, so
// their values are never used up. Found rule by rule, when first asked for. Tested by ../unique_items_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/machine.h"

namespace braid::grammar {

class EndlessStates {
 public:
  explicit EndlessStates(std::shared_ptr<const Machine> machine)
      : machine_(std::move(machine)),
        progress_(machine_->rules.size(), Progress::kUnknown),
        endless_(machine_->num_states(), 0) {}

  bool contains(StateId state);
  int64_t memory_bytes() const { return static_cast<int64_t>(progress_.size() + endless_.size()); }

 private:
  enum class Progress : uint8_t { kUnknown, kUnderWay, kKnown };

  void find(uint32_t rule, int depth);
  bool is_endless_call(const CallEdge& call, int depth);

  const std::shared_ptr<const Machine> machine_;
  std::vector<Progress> progress_;  // by rule
  std::vector<char> endless_;       // by state
};

}  // namespace braid::grammar
