// Steps that prepare a grammar for the machine. They do not change its texts. Tested by ../ebnf/ebnf_parser_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// A call of a rule that matches the empty text gets a bypass, so that an entered rule always reads a byte.
void bypass_empty_rules(RuleSet& rules);

// Removes parts that no finite text uses (no text has bytes outside `available`), and rules that the root does not
// reach. An error if no text is left.
Status remove_useless(RuleSet& rules, const ByteSet& available);

// Afterwards no rule calls itself, directly or indirectly, before it has read a byte. (Paull's algorithm, on automata.)
// True if a rule did. An error if the grammar then exceeds the limits.
Result<bool> remove_left_recursion(RuleSet& rules, const GrammarLimits& limits);

// Makes each rule deterministic over bytes and calls (subset construction) unless that would make it much larger.
void determinize(RuleSet& rules);

}  // namespace braid::grammar
