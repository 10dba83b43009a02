// Finds which rules are recursive, and how large each is after small rules are copied into it. Tested by
// ../ebnf/ebnf_parser_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

struct RuleInfo {
  bool recurs = false;   // refers to itself, directly or indirectly
  bool inlines = false;  // is copied to its uses
  int64_t size = 0;      // an estimate of its states
};

std::vector<RuleInfo> rule_infos(const Grammar& grammar);

// Estimates an expression's states, capped so that sums do not overflow. `infos` describes the rules that it refers to.
int64_t estimated_size(const Expression& expression, const std::vector<RuleInfo>& infos);

bool has_anchor(const Expression& expression);

// True if `part`, up to `max` times, is copied rather than counted.
bool is_written_out(const Expression& part, int64_t size, uint32_t min, uint32_t max);

}  // namespace braid::grammar
