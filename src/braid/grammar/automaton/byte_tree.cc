#include "braid/grammar/automaton/byte_tree.h"

#include <functional>

namespace braid::grammar {

size_t ByteTree::BranchesHash::operator()(const Branches& branches) const {
  size_t hash = branches.size();
  for (const auto& [set, target] : branches) {
    hash = hash * 31 + std::hash<ByteSet>()(set);
    hash = hash * 31 + target;
  }
  return hash;
}

int64_t ByteTree::add(RuleAutomaton& rule, const unicode::CodePointSet& set, Spelling spelling, StateId from) {
  num_edges_ = 0;
  ByteSet plain;  // characters written as themselves, in one byte
  std::vector<unicode::CodePointRange> others;
  for (const unicode::CodePointRange& range : set.ranges()) {
    char32_t first = range.first;
    for (; first <= range.last && first < 0x80; ++first) {
      const bool is_escaped = spelling == Spelling::kJsonString && (first < 0x20 || first == U'"' || first == U'\\');
      if (is_escaped) {
        others.push_back({first, first});
      } else {
        plain.set(first);
      }
    }
    if (first <= range.last) others.push_back({first, range.last});
  }
  if (plain.any()) {
    const StateId end = ends_.at({});
    add_bytes(rule, {{plain, end}}, from);
  }
  if (others.empty()) return num_edges_;
  std::vector<char32_t> key = {static_cast<char32_t>(spelling)};
  for (const unicode::CodePointRange& range : others) key.insert(key.end(), {range.first, range.last});
  auto found = known_.find(key);
  if (found == known_.end()) {
    const auto sequences = byte_sequences(unicode::CodePointSet(std::move(others)), spelling);
    found = known_.emplace(std::move(key), branches_of(rule, sequences, 0)).first;
  }
  add_bytes(rule, found->second, from);
  return num_edges_;
}

// The branches at `depth` of these sequences, which are equal before it.
ByteTree::Branches ByteTree::branches_of(RuleAutomaton& rule, std::span<const ByteSequence> sequences, size_t depth) {
  Branches branches;
  for (size_t i = 0; i < sequences.size();) {
    size_t end = i + 1;
    while (end < sequences.size() && sequences[end][depth] == sequences[i][depth]) ++end;
    const auto group = sequences.subspan(i, end - i);
    Branches next;
    if (group.front().size() > depth + 1) next = branches_of(rule, group, depth + 1);
    auto found = ends_.find(next);
    if (found == ends_.end()) {
      const StateId middle = rule.add_state();
      add_bytes(rule, next, middle);
      found = ends_.emplace(std::move(next), middle).first;
    }
    branches.emplace_back(sequences[i][depth], found->second);
    i = end;
  }
  return branches;
}

void ByteTree::add_bytes(RuleAutomaton& rule, const Branches& branches, StateId from) {
  for (const auto& [set, target] : branches) {
    for (size_t first = 0; first < set.size(); ++first) {
      if (!set.test(first)) continue;
      size_t last = first;
      while (last + 1 < set.size() && set.test(last + 1)) ++last;
      rule.states[from].bytes.push_back({static_cast<uint8_t>(first), static_cast<uint8_t>(last), target});
      ++num_edges_;
      first = last;
    }
  }
}

}  // namespace braid::grammar
