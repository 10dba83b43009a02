// Characters as bytes: the byte sequences by which a set of characters may be written.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

using ByteSet = std::bitset<256>;
// One byte of each set, one after another.
using ByteSequence = std::vector<ByteSet>;

// Every way to write a character of `set`, and nothing else. Surrogates are no characters. Two sequences differ in
// their first sets not at all or altogether, and so on behind equal ones: they form a tree.
std::vector<ByteSequence> byte_sequences(const unicode::CodePointSet& set, Spelling spelling);

ByteSet byte_range(uint8_t first, uint8_t last);

}  // namespace braid::grammar
