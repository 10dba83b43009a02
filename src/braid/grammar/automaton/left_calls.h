// Which rules a rule may call before it has read a byte.
#pragma once

#include <vector>

#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

struct LeftCallOrder {
  std::vector<RuleId> callers_first;        // every rule; where there is no cycle, a caller goes before its callees
  std::vector<std::vector<RuleId>> cycles;  // rules that call one another (or themselves) so
};
LeftCallOrder left_call_order(const RuleSet& rules);

}  // namespace braid::grammar
