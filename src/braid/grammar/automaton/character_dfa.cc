#include "braid/grammar/automaton/character_dfa.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "braid/grammar/automaton/number_lists.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {
namespace {

using unicode::CodePointSet;

// What leads to each state.
class EdgesInto {
 public:
  struct Edge {
    uint32_t from = 0;
    uint32_t symbol = 0;
  };

  explicit EdgesInto(const CharacterDfa& dfa) : first_(dfa.accepts.size() + 1) {
    for (const int32_t target : dfa.next) {
      if (target != CharacterDfa::kDead) ++first_[static_cast<size_t>(target) + 1];
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    edges_.resize(first_.back());
    std::vector<size_t> next(first_.begin(), first_.end() - 1);
    const size_t width = dfa.classes.size();
    for (size_t i = 0; i < dfa.next.size(); ++i) {
      if (dfa.next[i] == CharacterDfa::kDead) continue;
      edges_[next[static_cast<size_t>(dfa.next[i])]++] = {static_cast<uint32_t>(i / width),
                                                          static_cast<uint32_t>(i % width)};
    }
  }

  std::span<const Edge> state(size_t state) const {
    return std::span(edges_).subspan(first_[state], first_[state + 1] - first_[state]);
  }

 private:
  std::vector<size_t> first_;  // into each state, in edges_
  std::vector<Edge> edges_;
};

// The states that can reach an accepting state.
std::vector<char> live_states(const CharacterDfa& dfa) {
  const size_t num_states = dfa.accepts.size();
  const EdgesInto edges_into(dfa);
  std::vector<char> live(dfa.accepts);
  std::vector<size_t> open;
  for (size_t state = 0; state < num_states; ++state) {
    if (live[state] != 0) open.push_back(state);
  }
  while (!open.empty()) {
    const size_t state = open.back();
    open.pop_back();
    for (const EdgesInto::Edge& edge : edges_into.state(state)) {
      if (std::exchange(live[edge.from], 1) == 0) open.push_back(edge.from);
    }
  }
  return live;
}

// Keeps only live states that the start reaches, numbered in the order of discovery.
CharacterDfa trimmed(const CharacterDfa& dfa) {
  CharacterDfa out{.classes = dfa.classes, .next = {}, .accepts = {}};
  const std::vector<char> live = live_states(dfa);
  if (dfa.start == CharacterDfa::kDead || live[static_cast<size_t>(dfa.start)] == 0) return {};
  std::vector<int32_t> renumbered(live.size(), CharacterDfa::kDead);
  std::vector<int32_t> order = {dfa.start};
  out.next.reserve(dfa.next.size());
  out.accepts.reserve(dfa.accepts.size());
  renumbered[static_cast<size_t>(dfa.start)] = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    out.accepts.push_back(dfa.accepts[static_cast<size_t>(order[i])]);
    for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
      const int32_t target = dfa.target(order[i], symbol);
      if (target == CharacterDfa::kDead || live[static_cast<size_t>(target)] == 0) {
        out.next.push_back(CharacterDfa::kDead);
        continue;
      }
      int32_t& number = renumbered[static_cast<size_t>(target)];
      if (number == CharacterDfa::kDead) {
        number = static_cast<int32_t>(order.size());
        order.push_back(target);
      }
      out.next.push_back(number);
    }
  }
  out.start = 0;
  return out;
}

// Hopcroft's partition refinement (1971). A missing edge leads to a block of its own, which splits no other: so both
// first blocks have to be looked at.
class Refinement {
 public:
  explicit Refinement(const CharacterDfa& dfa)
      : edges_into_(dfa), block_of_(dfa.accepts.size()), place_(dfa.accepts.size()), by_symbol_(dfa.classes.size()) {
    for (const char accepts : {char{1}, char{0}}) {
      const size_t begin = order_.size();
      for (size_t state = 0; state < block_of_.size(); ++state) {
        if (dfa.accepts[state] != accepts) continue;
        block_of_[state] = blocks_.size();
        place_[state] = order_.size();
        order_.push_back(state);
      }
      if (order_.size() > begin) add_block(begin, order_.size());
    }
    while (!open_.empty()) {
      const size_t block = open_.back();
      open_.pop_back();
      split_by(block);
    }
  }

  // By state. Numbered in the order of their first states.
  std::vector<int32_t> blocks(int32_t& num_blocks) const {
    std::vector<int32_t> numbers(blocks_.size(), -1);
    std::vector<int32_t> out;
    num_blocks = 0;
    for (const size_t block : block_of_) {
      if (numbers[block] < 0) numbers[block] = num_blocks++;
      out.push_back(numbers[block]);
    }
    return out;
  }

 private:
  struct Block {
    size_t begin = 0;  // in order_
    size_t end = 0;
    size_t num_marked = 0;  // its first states
  };

  void add_block(size_t begin, size_t end) {
    open_.push_back(blocks_.size());
    blocks_.push_back({begin, end});
  }

  // Separates states of which one leads to the block, and another does not, by the same symbol.
  void split_by(size_t block) {
    symbols_.clear();
    for (size_t i = blocks_[block].begin; i < blocks_[block].end; ++i) {
      const size_t target = order_[i];
      for (const EdgesInto::Edge& edge : edges_into_.state(target)) {
        std::vector<uint32_t>& states = by_symbol_[edge.symbol];
        if (states.empty()) symbols_.push_back(edge.symbol);
        states.push_back(edge.from);
      }
    }
    for (const uint32_t symbol : symbols_) {
      touched_.clear();
      for (const uint32_t state : by_symbol_[symbol]) {
        Block& of_state = blocks_[block_of_[state]];
        if (of_state.num_marked == 0) touched_.push_back(block_of_[state]);
        swap_places(place_[state], of_state.begin + of_state.num_marked++);
      }
      by_symbol_[symbol].clear();
      for (const size_t one : touched_) split_marked(one);
    }
  }

  void swap_places(size_t a, size_t b) {
    std::swap(order_[a], order_[b]);
    place_[order_[a]] = a;
    place_[order_[b]] = b;
  }

  // The smaller part becomes a new block. If the whole still waits to be looked at, so do both parts; else the smaller
  // one is enough.
  void split_marked(size_t number) {
    Block& block = blocks_[number];
    const size_t middle = block.begin + std::exchange(block.num_marked, 0);
    if (middle == block.end) return;
    const bool is_first_smaller = middle - block.begin <= block.end - middle;
    const size_t begin = is_first_smaller ? block.begin : middle;
    const size_t end = is_first_smaller ? middle : block.end;
    (is_first_smaller ? block.begin : block.end) = middle;
    for (size_t i = begin; i < end; ++i) block_of_[order_[i]] = blocks_.size();
    add_block(begin, end);
  }

  const EdgesInto edges_into_;
  std::vector<size_t> order_;  // the states, block by block
  std::vector<size_t> block_of_;
  std::vector<size_t> place_;  // in order_
  std::vector<Block> blocks_;
  std::vector<size_t> open_;  // blocks that may split others
  // Room for the parts of split_by().
  std::vector<uint32_t> symbols_;
  std::vector<size_t> touched_;
  std::vector<std::vector<uint32_t>> by_symbol_;
};

// Merges classes that every state treats alike, and removes classes that lead nowhere.
void merge_classes(CharacterDfa& dfa) {
  const size_t width = dfa.classes.size();
  NumberLists columns;
  std::vector<uint32_t> column(dfa.accepts.size());
  std::vector<std::vector<unicode::CodePointRange>> ranges;
  for (size_t symbol = 0; symbol < width; ++symbol) {
    bool leads_on = false;
    for (size_t state = 0; state < column.size(); ++state) {
      const int32_t target = dfa.next[state * width + symbol];
      column[state] = static_cast<uint32_t>(target);
      leads_on = leads_on || target != CharacterDfa::kDead;
    }
    if (!leads_on) continue;
    const uint32_t number = columns.find_or_add(column);
    if (number == ranges.size()) ranges.emplace_back();
    const auto of_class = dfa.classes[symbol].ranges();
    ranges[number].insert(ranges[number].end(), of_class.begin(), of_class.end());
  }
  if (ranges.size() == width) return;
  std::vector<int32_t> next(ranges.size() * column.size());
  for (uint32_t number = 0; number < columns.size(); ++number) {
    const auto targets = columns[number];
    for (size_t state = 0; state < targets.size(); ++state) {
      next[state * ranges.size() + number] = static_cast<int32_t>(targets[state]);
    }
  }
  dfa.next = std::move(next);
  dfa.classes.clear();
  for (auto& list : ranges) dfa.classes.emplace_back(std::move(list));
}

}  // namespace

CharacterDfa minimized(const CharacterDfa& dfa) {
  CharacterDfa small = trimmed(dfa);
  if (small.is_empty()) return small;
  int32_t num_blocks = 0;
  const std::vector<int32_t> block = Refinement(small).blocks(num_blocks);
  CharacterDfa out{.classes = small.classes,
                   .next = std::vector<int32_t>(static_cast<size_t>(num_blocks) * small.classes.size()),
                   .accepts = std::vector<char>(static_cast<size_t>(num_blocks)),
                   .start = block[0]};
  for (int32_t state = 0; state < small.num_states(); ++state) {
    const auto number = static_cast<size_t>(block[static_cast<size_t>(state)]);
    out.accepts[number] = small.accepts[static_cast<size_t>(state)];
    for (size_t symbol = 0; symbol < small.classes.size(); ++symbol) {
      const int32_t target = small.target(state, symbol);
      out.next[number * small.classes.size() + symbol] =
          target == CharacterDfa::kDead ? CharacterDfa::kDead : block[static_cast<size_t>(target)];
    }
  }
  merge_classes(out);
  return out;
}

CharacterDfa without_useless_states(const CharacterDfa& dfa) {
  CharacterDfa out = trimmed(dfa);
  if (!out.is_empty()) merge_classes(out);
  return out;
}

LengthGraph length_graph(const CharacterDfa& dfa) {
  LengthGraph graph{.edges = std::vector<std::vector<LengthGraph::Edge>>(dfa.accepts.size()), .accepts = dfa.accepts};
  std::vector<int32_t> last_source(dfa.accepts.size(), -1);
  for (int32_t state = 0; state < dfa.num_states(); ++state) {
    for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
      const int32_t target = dfa.target(state, symbol);
      if (target == CharacterDfa::kDead || std::exchange(last_source[static_cast<size_t>(target)], state) == state)
        continue;
      graph.edges[static_cast<size_t>(state)].push_back({static_cast<uint32_t>(target)});
    }
  }
  return graph;
}

TextLengths text_lengths(const CharacterDfa& dfa) {
  return text_lengths(length_graph(dfa))[static_cast<size_t>(dfa.start)];
}

unicode::CodePointSet scalar_values() {
  return CodePointSet({{0, 0xD7FF}, {0xE000, unicode::kNumCodePoints - 1}});
}

}  // namespace braid::grammar
