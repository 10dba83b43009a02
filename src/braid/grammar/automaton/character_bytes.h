// The byte sequences that write the characters of a set. Tested by ../regex/regex_parser_test.cc and
// ../json/schema_compiler_test.cc.
#pragma once

#include <bitset>
#include <cstdint>
#include <vector>

#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

using ByteSet = std::bitset<256>;
// A sequence of bytes: one byte of each set.
using ByteSequence = std::vector<ByteSet>;

// Every way to write a character of `set`, and nothing else. Surrogates are excluded. The first sets of two sequences
// are equal or disjoint; after equal sets the same holds for the next ones. So the sequences form a tree. Most
// sequences that begin alike stand side by side.
std::vector<ByteSequence> byte_sequences(const unicode::CodePointSet& set, Spelling spelling);

ByteSet byte_range(uint8_t first, uint8_t last);

}  // namespace braid::grammar
