#include "braid/grammar/automaton/character_nfa.h"

#include <algorithm>
#include <map>
#include <utility>

#include "braid/base/check.h"

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;
using unicode::CodePointRange;
using unicode::CodePointSet;

constexpr size_t kMaxNfaStates = 50'000;

// Splits sets into disjoint classes, so that every set is a union of classes.
struct Alphabet {
  std::vector<CodePointSet> classes;
  std::vector<std::vector<size_t>> of_set;
};

Result<Alphabet> make_alphabet(const std::vector<CodePointSet>& sets, WorkBudget& work) {
  struct Border {
    char32_t at;
    size_t set;
  };
  std::vector<Border> borders;  // where sets begin and end
  for (size_t set = 0; set < sets.size(); ++set) {
    for (const CodePointRange& range : sets[set].ranges()) {
      borders.push_back({range.first, set});
      borders.push_back({range.last + 1, set});
    }
  }
  std::ranges::stable_sort(borders, {}, &Border::at);
  std::map<std::vector<size_t>, std::vector<CodePointRange>> found;  // by the sets that contain it
  std::vector<size_t> inside;
  for (size_t i = 0; i < borders.size(); ++i) {
    const auto place = std::ranges::lower_bound(inside, borders[i].set);
    if (place != inside.end() && *place == borders[i].set) {
      inside.erase(place);
    } else {
      inside.insert(place, borders[i].set);
    }
    if (inside.empty() || i + 1 == borders.size() || borders[i + 1].at == borders[i].at) continue;
    TRY_STATUS(work.spend(1 + inside.size()));
    found[inside].push_back({borders[i].at, borders[i + 1].at - 1});
  }
  Alphabet alphabet{.classes = {}, .of_set = std::vector<std::vector<size_t>>(sets.size())};
  for (auto& [members, ranges] : found) {
    for (const size_t set : members) alphabet.of_set[set].push_back(alphabet.classes.size());
    alphabet.classes.emplace_back(std::move(ranges));
  }
  return alphabet;
}

class CharacterNfa {
 public:
  explicit CharacterNfa(WorkBudget& work) : work_(work) {}

  Result<Dfa> to_dfa(const Expression& expression) {
    const size_t start = add_state();
    const size_t end = add_state();
    TRY_STATUS(add(expression, start, end));
    TRY(const Alphabet alphabet, make_alphabet(sets_, work_));
    CharacterDfa dfa{.classes = alphabet.classes, .next = {}, .accepts = {}, .start = 0};
    std::map<std::vector<size_t>, int32_t> numbers;
    std::vector<std::vector<size_t>> open;
    const auto number_of = [&](std::vector<size_t> states, bool at_start) {
      states = closure(std::move(states), at_start, false);
      const auto [found, is_new] = numbers.emplace(std::move(states), static_cast<int32_t>(numbers.size()));
      if (is_new) open.push_back(found->first);
      return found->second;
    };
    // "^" holds only in the first state, so no other state may be merged with it.
    open.push_back(closure({start}, true, false));
    numbers.emplace(std::vector<size_t>{SIZE_MAX}, 0);
    for (size_t i = 0; i < open.size(); ++i) {
      const std::vector<size_t> states = open[i];
      const std::vector<size_t> at_end = closure(states, i == 0, true);
      dfa.accepts.push_back(std::ranges::binary_search(at_end, end) ? 1 : 0);
      std::vector<std::vector<size_t>> targets(alphabet.classes.size());
      for (const size_t state : states) {
        for (const auto& [set, target] : states_[state].edges) {
          for (const size_t symbol : alphabet.of_set[set]) targets[symbol].push_back(target);
        }
      }
      size_t num_targets = targets.size();
      for (const auto& list : targets) num_targets += list.size();
      TRY_STATUS(work_.spend(num_targets));
      for (auto& list : targets) {
        dfa.next.push_back(list.empty() ? CharacterDfa::kDead : number_of(std::move(list), false));
        TRY_STATUS(work_.spend(std::exchange(num_followed_, 0)));
      }
      if (numbers.size() > static_cast<size_t>(kMaxDfaStates) || dfa.next.size() > kMaxDfaCells) {
        return fail("the pattern needs more than {} states beside another condition on the same text", kMaxDfaStates);
      }
    }
    return std::make_shared<const CharacterDfa>(minimized(dfa));
  }

 private:
  struct State {
    std::vector<std::pair<size_t, size_t>> edges;  // set, target
    std::vector<size_t> epsilons;
    std::vector<size_t> start_anchors;  // epsilons that hold only at the text's start
    std::vector<size_t> end_anchors;
  };

  size_t add_state() {
    states_.emplace_back();
    return states_.size() - 1;
  }

  size_t set_number(const CodePointSet& set) {
    std::vector<char32_t> key;
    for (const CodePointRange& range : set.ranges()) {
      key.push_back(range.first);
      key.push_back(range.last);
    }
    const auto [found, is_new] = set_numbers_.emplace(std::move(key), sets_.size());
    if (is_new) sets_.push_back(set);
    return found->second;
  }

  Status add(const Expression& expression, size_t from, size_t to) {
    if (states_.size() > kMaxNfaStates) {
      return fail("the pattern needs more than {} states beside another condition on the same text", kMaxNfaStates);
    }
    switch (expression.kind) {
      case Kind::kCharacters:
        states_[from].edges.emplace_back(set_number(expression.set), to);
        return {};
      case Kind::kSequence:
        for (const Expr& part : expression.parts) {
          const size_t next = add_state();
          TRY_STATUS(add(*part, from, next));
          from = next;
        }
        states_[from].epsilons.push_back(to);
        return {};
      case Kind::kChoice:
        for (const Expr& part : expression.parts) TRY_STATUS(add_apart(*part, from, to));
        return {};
      case Kind::kRepeat:
        return add_repeat(expression, from, to);
      case Kind::kDfa:
        CHECK(expression.min == 0 && expression.max == kUnbounded, "bounds of {} to {}", expression.min,
              expression.max);
        add_dfa(*expression.dfa, from, to);
        return {};
      case Kind::kStart:
        states_[from].start_anchors.push_back(to);
        return {};
      case Kind::kEnd:
        states_[from].end_anchors.push_back(to);
        return {};
      case Kind::kBytes:
      case Kind::kRule:
      case Kind::kGraph:
      case Kind::kLook:
        break;
    }
    CHECK(false, "no expression over characters");
  }

  Status add_apart(const Expression& expression, size_t from, size_t to) {
    const size_t first = add_state();
    const size_t last = add_state();
    states_[from].epsilons.push_back(first);
    states_[last].epsilons.push_back(to);
    return add(expression, first, last);
  }

  Status add_repeat(const Expression& expression, size_t from, size_t to) {
    const Expression& part = *expression.parts[0];
    for (uint32_t i = 0; i < expression.min; ++i) {
      const size_t next = add_state();
      TRY_STATUS(add_apart(part, from, next));
      from = next;
    }
    if (expression.max == kUnbounded) {
      const size_t loop = add_state();
      states_[from].epsilons.push_back(loop);
      states_[loop].epsilons.push_back(to);
      return add_apart(part, loop, loop);
    }
    for (uint32_t i = expression.min; i < expression.max; ++i) {
      const size_t next = add_state();
      states_[from].epsilons.push_back(to);
      TRY_STATUS(add_apart(part, from, next));
      from = next;
    }
    states_[from].epsilons.push_back(to);
    return {};
  }

  void add_dfa(const CharacterDfa& dfa, size_t from, size_t to) {
    if (dfa.is_empty()) return;
    const size_t first = states_.size();
    for (int32_t i = 0; i < dfa.num_states(); ++i) add_state();
    states_[from].epsilons.push_back(first + static_cast<size_t>(dfa.start));
    for (int32_t i = 0; i < dfa.num_states(); ++i) {
      State& state = states_[first + static_cast<size_t>(i)];
      if (dfa.accepts[static_cast<size_t>(i)] != 0) state.epsilons.push_back(to);
      for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
        const int32_t target = dfa.target(i, symbol);
        if (target == CharacterDfa::kDead) continue;
        state.edges.emplace_back(set_number(dfa.classes[symbol]), first + static_cast<size_t>(target));
      }
    }
  }

  std::vector<size_t> closure(std::vector<size_t> open, bool at_start, bool at_end) {
    seen_.resize(states_.size(), 0);
    std::vector<size_t> found;
    const auto push = [&](size_t state) {
      if (seen_[state] != 0) return;
      seen_[state] = 1;
      found.push_back(state);
    };
    for (const size_t state : open) push(state);
    for (size_t i = 0; i < found.size(); ++i) {
      const State& state = states_[found[i]];
      for (const size_t to : state.epsilons) push(to);
      if (at_start) {
        for (const size_t to : state.start_anchors) push(to);
      }
      if (at_end) {
        for (const size_t to : state.end_anchors) push(to);
      }
    }
    for (const size_t state : found) seen_[state] = 0;
    num_followed_ += found.size();
    std::ranges::sort(found);
    return found;
  }

  std::vector<State> states_;
  std::vector<CodePointSet> sets_;
  std::map<std::vector<char32_t>, size_t> set_numbers_;
  std::vector<char> seen_;
  size_t num_followed_ = 0;  // states that are not charged yet
  WorkBudget& work_;
};

}  // namespace

Result<Dfa> dfa_of(const Expression& expression, WorkBudget& work) {
  return CharacterNfa(work).to_dfa(expression);
}

}  // namespace braid::grammar
