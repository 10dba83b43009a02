#include "braid/grammar/automaton/byte_tree.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

namespace braid::grammar {
namespace {

using ByteBranches = std::vector<std::pair<ByteSet, StateId>>;

struct ByteBranchesLess {
  bool operator()(const ByteBranches& a, const ByteBranches& b) const {
    return std::ranges::lexicographical_compare(a, b, [](const auto& x, const auto& y) {
      if (x.second != y.second) return x.second < y.second;
      return x.first != y.first && x.first.to_string() < y.first.to_string();
    });
  }
};

class ByteTree {
 public:
  ByteTree(RuleAutomaton& rule, StateId end) : rule_(rule), ends_{{{}, end}} {}

  void add_bytes(const ByteSet& set, StateId from, StateId to) {
    for (size_t first = 0; first < 256; ++first) {
      if (!set.test(first)) continue;
      size_t last = first;
      while (last + 1 < 256 && set.test(last + 1)) ++last;
      rule_.states[from].bytes.push_back({static_cast<uint8_t>(first), static_cast<uint8_t>(last), to});
      ++num_edges_;
      first = last;
    }
  }

  // The branches at `depth` of these sequences, which are equal before it.
  ByteBranches branches_of(std::span<const ByteSequence> sequences, size_t depth) {
    ByteBranches branches;
    for (size_t i = 0; i < sequences.size();) {
      size_t end = i + 1;
      while (end < sequences.size() && sequences[end][depth] == sequences[i][depth]) ++end;
      const auto group = sequences.subspan(i, end - i);
      ByteBranches next;
      if (group.front().size() > depth + 1) next = branches_of(group, depth + 1);
      auto found = ends_.find(next);
      if (found == ends_.end()) {
        const StateId middle = rule_.add_state();
        for (const auto& [set, target] : next) add_bytes(set, middle, target);
        found = ends_.emplace(std::move(next), middle).first;
      }
      branches.emplace_back(sequences[i][depth], found->second);
      i = end;
    }
    return branches;
  }

  int64_t num_edges() const { return num_edges_; }

 private:
  RuleAutomaton& rule_;
  std::map<ByteBranches, StateId, ByteBranchesLess> ends_;  // the branches, and the state that has them
  int64_t num_edges_ = 0;
};

}  // namespace

int64_t add_byte_tree(RuleAutomaton& rule, const std::vector<ByteSequence>& sequences, StateId from, StateId to) {
  ByteTree tree(rule, to);
  for (const auto& [set, target] : tree.branches_of(sequences, 0)) tree.add_bytes(set, from, target);
  return tree.num_edges();
}

}  // namespace braid::grammar
