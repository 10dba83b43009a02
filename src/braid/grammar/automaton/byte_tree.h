// Adds the bytes that write characters to a rule, as a tree with shared branches. Tested by
// ../regex/regex_parser_test.cc and ../json/schema_compiler_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// The paths to one state of a rule. Different sets of characters share what they have in common, from wherever they
// begin: often all but ASCII.
class ByteTree {
 public:
  explicit ByteTree(StateId end) : ends_{{{}, end}} {}

  // Adds a path from `from` for each way to write a character of `set`. Returns the number of edges added.
  int64_t add(RuleAutomaton& rule, const unicode::CodePointSet& set, Spelling spelling, StateId from);

 private:
  using Branches = std::vector<std::pair<ByteSet, StateId>>;
  struct BranchesHash {
    size_t operator()(const Branches& branches) const;
  };

  Branches branches_of(RuleAutomaton& rule, std::span<const ByteSequence> sequences, size_t depth);
  void add_bytes(RuleAutomaton& rule, const Branches& branches, StateId from);

  std::unordered_map<Branches, StateId, BranchesHash> ends_;  // the branches, and the state that has them
  std::map<std::vector<char32_t>, Branches> known_;           // of sets without ASCII that needs no escape
  int64_t num_edges_ = 0;
};

}  // namespace braid::grammar
