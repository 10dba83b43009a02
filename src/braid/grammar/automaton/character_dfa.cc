#include "braid/grammar/automaton/character_dfa.h"

#include <algorithm>
#include <map>
#include <utility>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {
namespace {

using unicode::CodePointSet;

// The states that can reach an accepting state.
std::vector<char> live_states(const CharacterDfa& dfa) {
  const auto num_states = static_cast<size_t>(dfa.num_states());
  std::vector<std::vector<int32_t>> sources(num_states);
  for (int32_t state = 0; state < dfa.num_states(); ++state) {
    for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
      const int32_t target = dfa.target(state, symbol);
      if (target != CharacterDfa::kDead) sources[static_cast<size_t>(target)].push_back(state);
    }
  }
  std::vector<char> live(dfa.accepts);
  std::vector<int32_t> open;
  for (size_t state = 0; state < num_states; ++state) {
    if (live[state] != 0) open.push_back(static_cast<int32_t>(state));
  }
  while (!open.empty()) {
    const int32_t state = open.back();
    open.pop_back();
    for (const int32_t source : sources[static_cast<size_t>(state)]) {
      if (live[static_cast<size_t>(source)] != 0) continue;
      live[static_cast<size_t>(source)] = 1;
      open.push_back(source);
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

// Moore's refinement: states that accept alike form a block, and blocks are split by the blocks of their targets. The
// number of rounds is the length of the longest chain of states. If that is too much work, every state is a block.
std::vector<int32_t> equivalence_blocks(const CharacterDfa& dfa, int32_t& num_blocks) {
  std::vector<int32_t> block(dfa.accepts.begin(), dfa.accepts.end());
  num_blocks = 0;
  constexpr size_t kMaxWork = 2'000'000;
  for (size_t round = 0; round * dfa.next.size() <= kMaxWork; ++round) {
    std::map<std::vector<int32_t>, int32_t> seen;
    std::vector<int32_t> refined(block.size());
    for (int32_t state = 0; state < dfa.num_states(); ++state) {
      std::vector<int32_t> signature = {block[static_cast<size_t>(state)]};
      for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
        const int32_t target = dfa.target(state, symbol);
        signature.push_back(target == CharacterDfa::kDead ? -1 : block[static_cast<size_t>(target)]);
      }
      const auto next_number = static_cast<int32_t>(seen.size());
      refined[static_cast<size_t>(state)] = seen.emplace(std::move(signature), next_number).first->second;
    }
    const auto count = static_cast<int32_t>(seen.size());
    block = std::move(refined);
    if (count == num_blocks) return block;
    num_blocks = count;
  }
  for (size_t state = 0; state < block.size(); ++state) block[state] = static_cast<int32_t>(state);
  num_blocks = dfa.num_states();
  return block;
}

// Merges classes that every state treats alike, and removes classes that lead nowhere.
void merge_classes(CharacterDfa& dfa) {
  std::map<std::vector<int32_t>, size_t> columns;
  std::vector<std::vector<unicode::CodePointRange>> ranges;
  std::vector<std::vector<int32_t>> kept;
  for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
    std::vector<int32_t> column;
    for (int32_t state = 0; state < dfa.num_states(); ++state) column.push_back(dfa.target(state, symbol));
    if (std::ranges::all_of(column, [](int32_t target) { return target == CharacterDfa::kDead; })) continue;
    const auto [found, is_new] = columns.emplace(column, ranges.size());
    if (is_new) {
      ranges.emplace_back();
      kept.push_back(std::move(column));
    }
    const auto of_class = dfa.classes[symbol].ranges();
    ranges[found->second].insert(ranges[found->second].end(), of_class.begin(), of_class.end());
  }
  std::vector<int32_t> next;
  next.reserve(kept.size() * dfa.accepts.size());
  for (size_t state = 0; state < dfa.accepts.size(); ++state) {
    for (const auto& column : kept) next.push_back(column[state]);
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
  const std::vector<int32_t> block = equivalence_blocks(small, num_blocks);
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

TextLengths text_lengths(const CharacterDfa& dfa) {
  // Breadth first for the shortest text. The longest is found in rounds; if they do not stop, it is unbounded.
  const auto num_states = static_cast<size_t>(dfa.num_states());
  TextLengths lengths{.min = UINT32_MAX, .max = 0};
  std::vector<char> now(num_states, 0);
  now[static_cast<size_t>(dfa.start)] = 1;
  constexpr size_t kMaxWork = 4'000'000;  // beyond this, lengths count as unbounded
  for (uint32_t length = 0; length <= num_states; ++length) {
    if (length * dfa.next.size() > kMaxWork) {
      lengths.max = std::nullopt;
      break;
    }
    std::vector<char> after(num_states, 0);
    bool any = false;
    for (size_t state = 0; state < num_states; ++state) {
      if (now[state] == 0) continue;
      if (dfa.accepts[state] != 0) {
        lengths.min = std::min(lengths.min, length);
        lengths.max = length;
      }
      for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
        const int32_t target = dfa.target(static_cast<int32_t>(state), symbol);
        if (target == CharacterDfa::kDead) continue;
        after[static_cast<size_t>(target)] = 1;
        any = true;
      }
    }
    if (!any) return lengths;
    now = std::move(after);
    if (length == num_states) lengths.max = std::nullopt;
  }
  if (lengths.min == UINT32_MAX) lengths.min = 0;
  return lengths;
}

unicode::CodePointSet scalar_values() {
  return CodePointSet({{0, 0xD7FF}, {0xE000, unicode::kNumCodePoints - 1}});
}

}  // namespace braid::grammar
