// Byte sequences as states of a rule: a prefix tree that shares equal suffixes. Tested by
// ../regex/regex_parser_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// Adds a path from `from` to `to` for each sequence. Returns the number of edges added.
int64_t add_byte_tree(RuleAutomaton& rule, const std::vector<ByteSequence>& sequences, StateId from, StateId to);

}  // namespace braid::grammar
