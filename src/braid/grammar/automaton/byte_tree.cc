#include "braid/grammar/automaton/byte_tree.h"

#include <array>
#include <utility>

#include "braid/grammar/mixed_bits.h"

namespace braid::grammar {

size_t ByteShapes::BranchesHash::operator()(const std::vector<Branch>& branches) const {
  uint64_t hash = branches.size();
  for (const Branch& branch : branches) {
    hash = mixed_bits(hash ^ (uint64_t{branch.node} << 16 | uint64_t{branch.first} << 8 | branch.last));
  }
  return hash;
}

uint32_t ByteShapes::node_of(const std::vector<unicode::CodePointRange>& ranges, Spelling spelling) {
  std::vector<char32_t> key = {static_cast<char32_t>(spelling)};
  for (const unicode::CodePointRange& range : ranges) key.insert(key.end(), {range.first, range.last});
  const auto [found, is_new] = known_.emplace(std::move(key), kEnd);
  if (is_new) found->second = make_node(byte_sequences(unicode::CodePointSet(ranges), spelling), 0);
  return found->second;
}

// For these sequences, which are equal before `depth`.
uint32_t ByteShapes::make_node(std::span<const ByteSequence> sequences, size_t depth) {
  std::vector<Branch> branches;
  for (size_t i = 0; i < sequences.size();) {
    size_t end = i + 1;
    while (end < sequences.size() && sequences[end][depth] == sequences[i][depth]) ++end;
    const auto group = sequences.subspan(i, end - i);
    const uint32_t node = group.front().size() > depth + 1 ? make_node(group, depth + 1) : kEnd;
    const ByteSet& set = sequences[i][depth];
    for (size_t first = 0; first < set.size(); ++first) {
      if (!set.test(first)) continue;
      size_t last = first;
      while (last + 1 < set.size() && set.test(last + 1)) ++last;
      branches.push_back({static_cast<uint8_t>(first), static_cast<uint8_t>(last), node});
      first = last;
    }
    i = end;
  }
  const auto [found, is_new] = numbers_.emplace(branches, static_cast<uint32_t>(nodes_.size()));
  if (is_new) nodes_.push_back(std::move(branches));
  return found->second;
}

std::vector<ByteShapes::Branch> ByteShapes::branches_of(const unicode::CodePointSet& set, Spelling spelling) {
  const auto is_plain = [&](char32_t c) {  // written as itself, in one byte
    const bool is_escaped = spelling == Spelling::kJsonString && (c < 0x20 || c == U'"' || c == U'\\');
    return c < 0x80 && !is_escaped;
  };
  std::vector<Branch> found;
  std::vector<unicode::CodePointRange> others;
  for (const unicode::CodePointRange& range : set.ranges()) {
    char32_t first = range.first;
    while (first <= range.last && first < 0x80) {
      char32_t last = first;
      while (last < range.last && last + 1 < 0x80 && is_plain(last + 1) == is_plain(first)) ++last;
      if (is_plain(first)) {
        found.push_back({static_cast<uint8_t>(first), static_cast<uint8_t>(last), kEnd});
      } else {
        others.push_back({first, last});
      }
      first = last + 1;
    }
    if (first <= range.last) others.push_back({first, range.last});
  }
  if (others.empty()) return found;
  const std::vector<Branch>& rest = branches(node_of(others, spelling));
  found.insert(found.end(), rest.begin(), rest.end());
  return found;
}

int64_t ByteTrees::add(RuleAutomaton& rule, std::span<const ByteShapes::Branch> branches, StateId from, StateId to) {
  num_edges_ = 0;
  add_branches(rule, branches, from, to);
  return num_edges_;
}

StateId ByteTrees::state_of(RuleAutomaton& rule, uint32_t node, StateId to) {
  if (node == ByteShapes::kEnd) return to;
  const uint32_t place = places_.find_or_add(std::array{node, to});
  if (place < states_.size()) return states_[place];
  const StateId state = rule.add_state();
  states_.push_back(state);
  add_branches(rule, shapes_.branches(node), state, to);
  return state;
}

void ByteTrees::add_branches(RuleAutomaton& rule, std::span<const ByteShapes::Branch> branches, StateId from,
                             StateId to) {
  for (const auto& [first, last, next] : branches) {
    const StateId target = state_of(rule, next, to);
    rule.states[from].bytes.push_back(*rule.arena, {first, last, target});
    ++num_edges_;
  }
}

}  // namespace braid::grammar
