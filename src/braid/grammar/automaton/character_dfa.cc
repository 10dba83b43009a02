#include "braid/grammar/automaton/character_dfa.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {
namespace {

using unicode::CodePointSet;

// The states from which an accepting one can be reached.
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

// Only live states that the start reaches, numbered as they are found.
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

// Moore's refinement: blocks of states that accept alike, then split by the blocks that their targets lie in. It takes
// as many rounds as the longest chain of states has; where that is too much work, every state is a block.
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

// Classes that every state treats alike become one; those that lead nowhere go.
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

// For each code point class of a pair of automata: its class in either (kDead: in none).
struct JointClass {
  CodePointSet set;
  int32_t a = CharacterDfa::kDead;
  int32_t b = CharacterDfa::kDead;
};

std::vector<JointClass> joint_classes(const CharacterDfa& a, const CharacterDfa& b) {
  // A sweep over all borders; at each, the classes that hold the characters up to the next.
  struct Border {
    char32_t at;
    bool opens;
    bool is_a;
    int32_t symbol;
  };
  std::vector<Border> borders;
  const auto add = [&](const CharacterDfa& dfa, bool is_a) {
    for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
      for (const auto& range : dfa.classes[symbol].ranges()) {
        borders.push_back({range.first, true, is_a, static_cast<int32_t>(symbol)});
        borders.push_back({range.last + 1, false, is_a, static_cast<int32_t>(symbol)});
      }
    }
  };
  add(a, true);
  add(b, false);
  std::ranges::stable_sort(borders, [](const Border& x, const Border& y) {
    return x.at != y.at ? x.at < y.at : (x.opens ? 1 : 0) < (y.opens ? 1 : 0);
  });
  std::map<std::pair<int32_t, int32_t>, std::vector<unicode::CodePointRange>> found;
  int32_t in_a = CharacterDfa::kDead;
  int32_t in_b = CharacterDfa::kDead;
  for (size_t i = 0; i < borders.size(); ++i) {
    (borders[i].is_a ? in_a : in_b) = borders[i].opens ? borders[i].symbol : CharacterDfa::kDead;
    if (i + 1 == borders.size() || borders[i + 1].at == borders[i].at) continue;
    if (in_a == CharacterDfa::kDead && in_b == CharacterDfa::kDead) continue;
    found[{in_a, in_b}].push_back({borders[i].at, borders[i + 1].at - 1});
  }
  std::vector<JointClass> classes;
  for (auto& [key, ranges] : found) classes.push_back({CodePointSet(std::move(ranges)), key.first, key.second});
  return classes;
}

}  // namespace

bool CharacterDfa::matches(std::string_view utf8) const {
  int32_t state = start;
  while (!utf8.empty() && state != kDead) {
    const char32_t c = unicode::decode_valid(utf8.data());
    utf8.remove_prefix(unicode::sequence_length(utf8.front()));
    const auto found = std::ranges::find_if(classes, [&](const CodePointSet& set) { return set.contains(c); });
    state = found == classes.end() ? kDead : target(state, static_cast<size_t>(found - classes.begin()));
  }
  return state != kDead && accepts[static_cast<size_t>(state)] != 0;
}

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

Result<Dfa> intersection(const CharacterDfa& a, const CharacterDfa& b) {
  if (a.is_empty() || b.is_empty()) return std::make_shared<const CharacterDfa>();
  std::vector<JointClass> classes = joint_classes(a, b);
  std::erase_if(classes, [](const JointClass& c) { return c.a == CharacterDfa::kDead || c.b == CharacterDfa::kDead; });
  CharacterDfa out;
  for (const JointClass& joint : classes) out.classes.push_back(joint.set);
  std::map<std::pair<int32_t, int32_t>, int32_t> numbers = {{{a.start, b.start}, 0}};
  std::deque<std::pair<int32_t, int32_t>> open = {{a.start, b.start}};
  while (!open.empty()) {
    const auto [in_a, in_b] = open.front();
    open.pop_front();
    out.accepts.push_back(a.accepts[static_cast<size_t>(in_a)] != 0 && b.accepts[static_cast<size_t>(in_b)] != 0 ? 1
                                                                                                                 : 0);
    for (const JointClass& joint : classes) {
      const int32_t to_a = a.target(in_a, static_cast<size_t>(joint.a));
      const int32_t to_b = b.target(in_b, static_cast<size_t>(joint.b));
      if (to_a == CharacterDfa::kDead || to_b == CharacterDfa::kDead) {
        out.next.push_back(CharacterDfa::kDead);
        continue;
      }
      const auto [found, is_new] = numbers.emplace(std::pair(to_a, to_b), static_cast<int32_t>(numbers.size()));
      if (is_new) open.emplace_back(to_a, to_b);
      if (static_cast<int32_t>(numbers.size()) > kMaxDfaStates) {
        return fail("two conditions on one text need more than {} states together", kMaxDfaStates);
      }
      out.next.push_back(found->second);
    }
  }
  out.start = 0;
  return std::make_shared<const CharacterDfa>(minimized(out));
}

Result<Dfa> complement(const CharacterDfa& dfa) {
  // One more state, which accepts everything, takes whatever led nowhere.
  CharacterDfa out{.classes = dfa.classes, .next = {}, .accepts = {}};
  CodePointSet known;
  for (const CodePointSet& set : dfa.classes) known = known.united(set);
  const CodePointSet others = scalar_values().intersected(known.inverted());
  const bool has_others = !others.ranges().empty();
  if (has_others) out.classes.push_back(others);
  const int32_t everything = dfa.num_states();
  for (int32_t state = 0; state < everything; ++state) {
    out.accepts.push_back(dfa.accepts[static_cast<size_t>(state)] != 0 ? 0 : 1);
    for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
      const int32_t target = dfa.target(state, symbol);
      out.next.push_back(target == CharacterDfa::kDead ? everything : target);
    }
    if (has_others) out.next.push_back(everything);
  }
  out.accepts.push_back(1);
  for (size_t symbol = 0; symbol < out.classes.size(); ++symbol) out.next.push_back(everything);
  out.start = dfa.is_empty() ? everything : dfa.start;
  return std::make_shared<const CharacterDfa>(minimized(out));
}

Result<Dfa> length_between(uint32_t min, std::optional<uint32_t> max) {
  const uint32_t num_counted = max ? *max : min;
  if (num_counted >= static_cast<uint32_t>(kMaxDfaStates)) {
    return fail("a length of {} beside another condition: at most {}", num_counted, kMaxDfaStates - 1);
  }
  CharacterDfa out{.classes = {scalar_values()}, .next = {}, .accepts = {}, .start = 0};
  for (uint32_t count = 0; count <= num_counted; ++count) {
    out.accepts.push_back(count >= min ? 1 : 0);
    const bool is_last = count == num_counted;
    out.next.push_back(!is_last ? static_cast<int32_t>(count + 1)
                       : max    ? CharacterDfa::kDead
                                : static_cast<int32_t>(count));
  }
  return std::make_shared<const CharacterDfa>(min > num_counted ? CharacterDfa() : out);
}

Result<Dfa> one_of(std::span<const std::string> texts) {
  std::map<char32_t, size_t> symbols;
  for (std::string_view text : texts) {
    for (; !text.empty(); text.remove_prefix(unicode::sequence_length(text.front()))) {
      symbols.emplace(unicode::decode_valid(text.data()), 0);
    }
  }
  CharacterDfa out{.classes = {}, .next = {}, .accepts = {}, .start = 0};
  for (auto& [c, symbol] : symbols) {
    symbol = out.classes.size();
    out.classes.push_back(CodePointSet::of(c));
  }
  const size_t width = out.classes.size();
  const auto add_state = [&] {
    out.accepts.push_back(0);
    out.next.resize(out.next.size() + width, CharacterDfa::kDead);
    return out.num_states() - 1;
  };
  add_state();
  for (std::string_view text : texts) {
    int32_t state = 0;
    for (; !text.empty(); text.remove_prefix(unicode::sequence_length(text.front()))) {
      const size_t at = static_cast<size_t>(state) * width + symbols[unicode::decode_valid(text.data())];
      if (out.next[at] == CharacterDfa::kDead) {
        if (out.num_states() >= kMaxDfaStates) {
          return fail("a list of texts needs more than {} states", kMaxDfaStates);
        }
        const int32_t added = add_state();
        out.next[at] = added;
      }
      state = out.next[at];
    }
    out.accepts[static_cast<size_t>(state)] = 1;
  }
  return std::make_shared<const CharacterDfa>(texts.empty() ? CharacterDfa() : std::move(out));
}

TextLengths text_lengths(const CharacterDfa& dfa) {
  // Breadth first for the shortest; the longest is found by rounds, and without end if they do not stop.
  const auto num_states = static_cast<size_t>(dfa.num_states());
  TextLengths lengths{.min = UINT32_MAX, .max = 0};
  std::vector<char> now(num_states, 0);
  now[static_cast<size_t>(dfa.start)] = 1;
  constexpr size_t kMaxWork = 4'000'000;  // beyond it, as if without end
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
