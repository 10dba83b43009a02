// Byte sequences as states of a rule: a tree from the front, with equal ends shared.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// Each of the sequences leads from `from` to `to`. Returns the number of edges that it took.
int64_t add_byte_tree(RuleAutomaton& rule, const std::vector<ByteSequence>& sequences, StateId from, StateId to);

}  // namespace braid::grammar
