// Walks a part of the vocabulary's trie together with a grammar's configurations. Tested by ../grammar_matcher_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/grammar/automaton/explorer.h"
#include "braid/grammar/mask/vocabulary.h"

namespace braid::grammar {

// A part of the trie: nodes [begin, end) in preorder. Their parents are at `depth` or in the part.
struct TriePart {
  uint32_t begin = 0;
  uint32_t end = 0;
  uint16_t depth = 0;
};

inline TriePart whole_trie(const Vocabulary& vocabulary) {
  return {1, vocabulary.nodes()[0].subtree_end, 0};
}
inline TriePart below(const Vocabulary& vocabulary, uint32_t node) {
  const Vocabulary::Node& top = vocabulary.nodes()[node];
  return {node + 1, top.subtree_end, top.depth};
}

// Calls visit(node, before, here) for each node whose parent is reachable, with the configurations before and after the
// node's byte. It returns whether to go on below the node: never if `here` is dead. False if the grammar is too
// ambiguous. `steps` is an Explorer, or a StepTable with its numbers of configurations.
template <typename Steps, typename Visit>
bool walk(Steps& steps, const Vocabulary& vocabulary, TriePart part, ConfigId from, Visit visit) {
  std::vector<ConfigId> path(vocabulary.max_depth() + 1, kDeadConfig);
  path[0] = from;
  const auto nodes = vocabulary.nodes();
  for (uint32_t i = part.begin; i < part.end;) {
    const Vocabulary::Node& node = nodes[i];
    const size_t depth = node.depth - size_t{part.depth};
    const ConfigId before = path[depth - 1];
    const ConfigId here = steps.step(before, node.byte);
    if (here == kFailedConfig) return false;
    path[depth] = here;
    i = visit(i, before, here) ? i + 1 : node.subtree_end;
  }
  return true;
}

}  // namespace braid::grammar
