// Combines two automata, and makes automata for simple sets of texts.
#include <algorithm>
#include <map>
#include <utility>

#include "braid/grammar/automaton/character_dfa.h"
#include "braid/grammar/automaton/number_lists.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {
namespace {

using unicode::CodePointSet;

// For each class of the pair: its class in either automaton (kDead if none).
struct JointClass {
  CodePointSet set;
  int32_t a = CharacterDfa::kDead;
  int32_t b = CharacterDfa::kDead;
};

size_t num_ranges(const CharacterDfa& dfa) {
  size_t count = 0;
  for (const CodePointSet& set : dfa.classes) count += set.ranges().size();
  return count;
}

std::vector<JointClass> joint_classes(const CharacterDfa& a, const CharacterDfa& b) {
  // Sweeps over all borders. At each: the classes of the characters up to the next border.
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

// For a tree of texts, in which every state comes before those it leads to. Classes stay as they are.
CharacterDfa with_shared_ends(const CharacterDfa& tree) {
  const size_t width = tree.classes.size();
  NumberLists rows;  // what a state accepts and leads to
  std::vector<uint32_t> number(tree.accepts.size());
  std::vector<uint32_t> row(width + 1);
  for (size_t state = number.size(); state-- > 0;) {
    row[width] = tree.accepts[state] != 0 ? 1 : 0;
    for (size_t symbol = 0; symbol < width; ++symbol) {
      const int32_t target = tree.next[state * width + symbol];
      row[symbol] = target == CharacterDfa::kDead ? UINT32_MAX : number[static_cast<size_t>(target)];
    }
    number[state] = rows.find_or_add(row);
  }
  // The start is the last row. Reversed, it comes first.
  const uint32_t last = rows.size() - 1;
  CharacterDfa out{.classes = tree.classes, .next = {}, .accepts = {}, .start = 0};
  for (uint32_t i = 0; i <= last; ++i) {
    const auto from = rows[last - i];
    out.accepts.push_back(static_cast<char>(from[width]));
    for (const uint32_t target : from.first(width)) {
      out.next.push_back(target == UINT32_MAX ? CharacterDfa::kDead : static_cast<int32_t>(last - target));
    }
  }
  return out;
}

}  // namespace

Result<Dfa> intersection(const CharacterDfa& a, const CharacterDfa& b, WorkBudget& work) {
  if (a.is_empty() || b.is_empty()) return std::make_shared<const CharacterDfa>();
  TRY_STATUS(work.spend(num_ranges(a) + num_ranges(b)));
  std::vector<JointClass> classes = joint_classes(a, b);
  std::erase_if(classes, [](const JointClass& c) { return c.a == CharacterDfa::kDead || c.b == CharacterDfa::kDead; });
  CharacterDfa out;
  for (const JointClass& joint : classes) out.classes.push_back(joint.set);
  NumberLists pairs;
  const auto number_of = [&](int32_t in_a, int32_t in_b) {
    const uint32_t pair[] = {static_cast<uint32_t>(in_a), static_cast<uint32_t>(in_b)};
    return static_cast<int32_t>(pairs.find_or_add(pair));
  };
  number_of(a.start, b.start);
  for (uint32_t i = 0; i < pairs.size(); ++i) {
    const auto in_a = static_cast<int32_t>(pairs[i][0]);
    const auto in_b = static_cast<int32_t>(pairs[i][1]);
    TRY_STATUS(work.spend(1 + classes.size()));
    out.accepts.push_back(a.accepts[static_cast<size_t>(in_a)] != 0 && b.accepts[static_cast<size_t>(in_b)] != 0 ? 1
                                                                                                                 : 0);
    for (const JointClass& joint : classes) {
      const int32_t to_a = a.target(in_a, static_cast<size_t>(joint.a));
      const int32_t to_b = b.target(in_b, static_cast<size_t>(joint.b));
      if (to_a == CharacterDfa::kDead || to_b == CharacterDfa::kDead) {
        out.next.push_back(CharacterDfa::kDead);
        continue;
      }
      out.next.push_back(number_of(to_a, to_b));
    }
    if (pairs.size() > static_cast<uint32_t>(kMaxDfaStates) || out.next.size() > kMaxDfaCells) {
      return fail("two conditions on one text need more than {} states together", kMaxDfaStates);
    }
  }
  out.start = 0;
  return std::make_shared<const CharacterDfa>(minimized(out));
}

Result<Dfa> complement(const CharacterDfa& dfa, WorkBudget& work) {
  TRY_STATUS(work.spend(dfa.next.size() + dfa.accepts.size() + dfa.classes.size()));
  // An additional state, which accepts everything, becomes the target of all missing edges.
  CharacterDfa out{.classes = dfa.classes, .next = {}, .accepts = {}};
  out.next.reserve((dfa.accepts.size() + 1) * (dfa.classes.size() + 1));
  std::vector<unicode::CodePointRange> known;
  for (const CodePointSet& set : dfa.classes) known.insert(known.end(), set.ranges().begin(), set.ranges().end());
  const CodePointSet others = scalar_values().intersected(CodePointSet(std::move(known)).inverted());
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
  // States that differ still do so. One may be useless: that from which `dfa` accepts everything.
  return std::make_shared<const CharacterDfa>(without_useless_states(out));
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

// A state is the number of characters of `part` that the text ends with (Knuth, Morris, Pratt).
Dfa texts_without(std::string_view part) {
  std::vector<char32_t> wanted;
  for (; !part.empty(); part.remove_prefix(unicode::sequence_length(part.front()))) {
    wanted.push_back(unicode::decode_valid(part.data()));
  }
  std::vector<char32_t> known = wanted;
  std::ranges::sort(known);
  known.erase(std::unique(known.begin(), known.end()), known.end());
  CharacterDfa out{.classes = {}, .next = {}, .accepts = std::vector<char>(wanted.size(), 1), .start = 0};
  CodePointSet others = scalar_values();
  for (const char32_t c : known) {
    out.classes.push_back(CodePointSet::of(c));
    others = others.intersected(CodePointSet::of(c).inverted());
  }
  out.classes.push_back(others);
  size_t border = 0;  // the state after the text without its first character
  for (size_t state = 0; state < wanted.size(); ++state) {
    const size_t fallback = border * out.classes.size();
    for (size_t symbol = 0; symbol < out.classes.size(); ++symbol) {
      const bool goes_on = symbol < known.size() && known[symbol] == wanted[state];
      const bool is_whole = goes_on && state + 1 == wanted.size();
      out.next.push_back(is_whole     ? CharacterDfa::kDead
                         : goes_on    ? static_cast<int32_t>(state + 1)
                         : state == 0 ? 0
                                      : out.next[fallback + symbol]);
    }
    if (state == 0) continue;
    const auto symbol = static_cast<size_t>(std::ranges::lower_bound(known, wanted[state]) - known.begin());
    border = static_cast<size_t>(out.next[fallback + symbol]);
  }
  return std::make_shared<const CharacterDfa>(std::move(out));
}

Result<Dfa> one_of(std::span<const std::string> texts, WorkBudget& work) {
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
        if (out.num_states() >= kMaxDfaStates || out.next.size() > kMaxDfaCells) {
          return fail("a list of texts needs more than {} states, or too many for its {} different characters",
                      kMaxDfaStates, width);
        }
        TRY_STATUS(work.spend(1 + width));
        const int32_t added = add_state();
        out.next[at] = added;
      }
      state = out.next[at];
    }
    out.accepts[static_cast<size_t>(state)] = 1;
  }
  return std::make_shared<const CharacterDfa>(texts.empty() ? CharacterDfa()
                                                            : without_useless_states(with_shared_ends(out)));
}

}  // namespace braid::grammar
