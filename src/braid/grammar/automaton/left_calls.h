// Finds which rules a rule may call before it reads a byte. Tested by ../ebnf/ebnf_parser_test.cc.
#pragma once

#include <vector>

#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

struct LeftCallOrder {
  std::vector<RuleId> callers_first;        // every rule; outside of cycles, a caller comes before its callees
  std::vector<std::vector<RuleId>> cycles;  // rules that call one another, or themselves, before a byte
};
LeftCallOrder left_call_order(const RuleSet& rules);

}  // namespace braid::grammar
