// Adds the bytes that write characters to a rule, as a tree with shared branches. Tested by
// ../regex/regex_parser_test.cc and ../json/schema_compiler_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "braid/grammar/automaton/character_bytes.h"
#include "braid/grammar/automaton/number_lists.h"
#include "braid/grammar/automaton/rule_automaton.h"

namespace braid::grammar {

// How sets of characters are written, whatever follows them. Different sets share what they have in common, from
// wherever it begins: often all but ASCII. Kept for all rules, because automata have the same sets in thousands of
// places.
class ByteShapes {
 public:
  static constexpr uint32_t kEnd = 0;  // behind the last byte
  struct Branch {
    uint8_t first = 0;
    uint8_t last = 0;
    uint32_t node = kEnd;

    bool operator==(const Branch&) const = default;
  };

  // The first bytes of the characters of `set`.
  std::vector<Branch> branches_of(const unicode::CodePointSet& set, Spelling spelling);
  const std::vector<Branch>& branches(uint32_t node) const { return nodes_[node]; }

 private:
  struct BranchesHash {
    size_t operator()(const std::vector<Branch>& branches) const;
  };

  // The node where the characters of `ranges` begin.
  uint32_t node_of(const std::vector<unicode::CodePointRange>& ranges, Spelling spelling);
  uint32_t make_node(std::span<const ByteSequence> sequences, size_t depth);

  std::vector<std::vector<Branch>> nodes_ = {{}};
  std::unordered_map<std::vector<Branch>, uint32_t, BranchesHash> numbers_;  // of nodes
  std::map<std::vector<char32_t>, uint32_t> known_;                          // the nodes of sets
};

// Paths between states of one rule. Those to one state share their ends.
class ByteTrees {
 public:
  explicit ByteTrees(ByteShapes& shapes) : shapes_(shapes) {}

  // Adds a path from `from` to `to` for each way to write a character that begins with one of `branches`. Returns the
  // number of edges added.
  int64_t add(RuleAutomaton& rule, std::span<const ByteShapes::Branch> branches, StateId from, StateId to);

 private:
  StateId state_of(RuleAutomaton& rule, uint32_t node, StateId to);
  void add_branches(RuleAutomaton& rule, std::span<const ByteShapes::Branch> branches, StateId from, StateId to);

  ByteShapes& shapes_;
  NumberLists places_;           // a node, and the state where its paths lead
  std::vector<StateId> states_;  // of each place
  int64_t num_edges_ = 0;
};

}  // namespace braid::grammar
