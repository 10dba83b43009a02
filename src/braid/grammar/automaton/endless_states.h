// Which states of a machine can go on without end before their rule ends. Tested by ../unique_items_test.cc.
#pragma once

#include <vector>

#include "braid/grammar/automaton/machine.h"

namespace braid::grammar {

// By state. An endless state has texts of any length before it, so their values are never used up.
std::vector<char> endless_states(const Machine& machine);

}  // namespace braid::grammar
