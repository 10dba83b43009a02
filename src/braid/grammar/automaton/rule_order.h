// Which rules recur, and how large each is once the small ones are copied into others.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

struct RuleInfo {
  bool recurs = false;   // refers to itself, by way of others or directly
  bool inlines = false;  // is copied to where it is used
  int64_t size = 0;      // an estimate of its states
};

std::vector<RuleInfo> rule_infos(const Grammar& grammar);

// An estimate of an expression's states, capped so that sums do not overflow. `infos`: of the rules it refers to.
int64_t estimated_size(const Expression& expression, const std::vector<RuleInfo>& infos);

bool has_anchor(const Expression& expression);

// Whether `part`, up to `max` times, is written out rather than counted.
bool is_written_out(const Expression& part, int64_t size, uint32_t min, uint32_t max);

}  // namespace braid::grammar
