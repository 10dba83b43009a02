// Steps that change how a grammar is written down and not which texts it has, until a machine can run it.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// A call whose rule can match the empty text gets a way around it, so that a rule entered always reads a byte.
void bypass_empty_rules(RuleSet& rules);

// Removes what cannot be part of any finite text (bytes outside `available` are in none), and rules that the root does
// not reach. An error if no text is left.
Status remove_useless(RuleSet& rules, const ByteSet& available);

// Afterwards no rule calls itself, directly or by way of others, before it has read a byte. (Paull's algorithm, on
// automata.) An error if that makes the grammar larger than the limits.
Status remove_left_recursion(RuleSet& rules, const GrammarLimits& limits);

// Makes each rule deterministic over bytes and calls (subset construction) unless that would make it much larger.
void determinize(RuleSet& rules);

}  // namespace braid::grammar
