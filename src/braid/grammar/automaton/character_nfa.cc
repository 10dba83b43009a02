#include "braid/grammar/automaton/character_nfa.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/grammar/automaton/number_lists.h"

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
    const uint32_t start = add_state();
    end_ = add_state();
    TRY_STATUS(add(expression, start, end_));
    TRY(const Alphabet alphabet, make_alphabet(sets_, work_));
    prepare_links();
    CharacterDfa dfa{.classes = alphabet.classes, .next = {}, .accepts = {}, .start = 0};
    if (state_after(std::array{start}, true) == CharacterDfa::kDead) return std::make_shared<const CharacterDfa>();
    targets_.resize(sets_.size());
    std::vector<uint32_t> states;
    std::vector<uint32_t> read_sets;
    std::vector<std::vector<uint32_t>> sets_with(alphabet.classes.size());  // those of read_sets with each class
    std::vector<uint32_t> last_sets;
    for (uint32_t i = 0; i < sets_of_states_.size(); ++i) {
      const auto set = sets_of_states_[i];
      dfa.accepts.push_back(set.back() == 0 ? 0 : 1);
      states.assign(set.begin(), set.end() - 1);
      size_t num_targets = sets_with.size();
      for (const uint32_t state : states) {
        for (uint32_t at = states_[state].first_edge; at != kNone; at = edges_[at].next) {
          std::vector<uint32_t>& targets = targets_[edges_[at].set];
          if (targets.empty()) read_sets.push_back(edges_[at].set);
          targets.push_back(edges_[at].target);
          num_targets += alphabet.of_set[edges_[at].set].size();
        }
      }
      TRY_STATUS(work_.spend(num_targets));
      std::ranges::sort(read_sets);
      for (const uint32_t read : read_sets) {
        for (const size_t symbol : alphabet.of_set[read]) sets_with[symbol].push_back(read);
      }
      last_sets.clear();
      int32_t after_last = CharacterDfa::kDead;
      for (std::vector<uint32_t>& sets : sets_with) {
        if (sets != last_sets) {  // mostly the classes side by side are in the same sets
          after_last = state_after_sets(sets, i);
          std::swap(last_sets, sets);
        }
        dfa.next.push_back(after_last);
        TRY_STATUS(work_.spend(std::exchange(num_followed_, 0)));
        sets.clear();
      }
      for (const uint32_t read : read_sets) targets_[read].clear();
      read_sets.clear();
      if (sets_of_states_.size() > static_cast<uint32_t>(kMaxDfaStates) || dfa.next.size() > kMaxDfaCells) {
        return fail("the pattern needs more than {} states beside another condition on the same text", kMaxDfaStates);
      }
    }
    return std::make_shared<const CharacterDfa>(minimized(dfa));
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr int kMaxPassed = 64;  // states at once, that only pass on: they may lead in a circle
  enum class Passes : uint8_t { kAlways, kAtStart, kAtEnd };  // an epsilon, "^", "$"
  struct State {                                              // lists in edges_ and links_
    uint32_t first_edge = kNone;
    uint32_t first_link = kNone;
  };
  struct Edge {
    uint32_t set = 0;
    uint32_t target = 0;
    uint32_t next = kNone;
  };
  struct Link {
    Passes passes = Passes::kAlways;
    uint32_t target = 0;
    uint32_t next = kNone;
  };

  struct After {
    uint32_t from = kNone;
    int32_t state = CharacterDfa::kDead;
  };

  uint32_t add_state() {
    states_.emplace_back();
    return static_cast<uint32_t>(states_.size() - 1);
  }

  void add_edge(uint32_t from, uint32_t to, const CodePointSet& set) {
    edges_.push_back(
        {set_number(set), to, std::exchange(states_[from].first_edge, static_cast<uint32_t>(edges_.size()))});
  }

  void add_link(uint32_t from, uint32_t to, Passes passes = Passes::kAlways) {
    links_.push_back({passes, to, std::exchange(states_[from].first_link, static_cast<uint32_t>(links_.size()))});
  }

  // Parts that are repeated are the same object each time.
  uint32_t set_number(const CodePointSet& set) {
    const auto [known, is_unknown] = numbers_by_object_.emplace(&set, 0);
    if (!is_unknown) return known->second;
    std::vector<uint32_t> key;
    for (const CodePointRange& range : set.ranges()) key.insert(key.end(), {range.first, range.last});
    known->second = set_numbers_.find_or_add(key);
    if (known->second == sets_.size()) sets_.push_back(set);
    return known->second;
  }

  Status add(const Expression& expression, uint32_t from, uint32_t to) {
    if (states_.size() > kMaxNfaStates) {
      return fail("the pattern needs more than {} states beside another condition on the same text", kMaxNfaStates);
    }
    switch (expression.kind) {
      case Kind::kCharacters:
        add_edge(from, to, expression.set);
        return {};
      case Kind::kSequence:
        for (const Expr& part : expression.parts) {
          const uint32_t next = add_state();
          TRY_STATUS(add(*part, from, next));
          from = next;
        }
        add_link(from, to);
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
        add_link(from, to, Passes::kAtStart);
        return {};
      case Kind::kEnd:
        add_link(from, to, Passes::kAtEnd);
        return {};
      case Kind::kBytes:
      case Kind::kRule:
      case Kind::kGraph:
      case Kind::kLook:
        break;
    }
    CHECK(false, "no expression over characters");
  }

  // Uses its own states at both ends, so that its loops cannot be entered from adjacent parts.
  Status add_apart(const Expression& expression, uint32_t from, uint32_t to) {
    if (expression.kind == Kind::kCharacters) return add(expression, from, to);
    const uint32_t first = add_state();
    const uint32_t last = add_state();
    add_link(from, first);
    add_link(last, to);
    return add(expression, first, last);
  }

  Status add_repeat(const Expression& expression, uint32_t from, uint32_t to) {
    const Expression& part = *expression.parts[0];
    for (uint32_t i = 0; i < expression.min; ++i) {
      const uint32_t next = add_state();
      TRY_STATUS(add_apart(part, from, next));
      from = next;
    }
    if (expression.max == kUnbounded) {
      const uint32_t loop = add_state();
      add_link(from, loop);
      add_link(loop, to);
      return add_apart(part, loop, loop);
    }
    for (uint32_t i = expression.min; i < expression.max; ++i) {
      const uint32_t next = add_state();
      add_link(from, to);
      TRY_STATUS(add_apart(part, from, next));
      from = next;
    }
    add_link(from, to);
    return {};
  }

  void add_dfa(const CharacterDfa& dfa, uint32_t from, uint32_t to) {
    if (dfa.is_empty()) return;
    const auto first = static_cast<uint32_t>(states_.size());
    for (int32_t i = 0; i < dfa.num_states(); ++i) add_state();
    add_link(from, first + static_cast<uint32_t>(dfa.start));
    for (int32_t i = 0; i < dfa.num_states(); ++i) {
      const uint32_t state = first + static_cast<uint32_t>(i);
      if (dfa.accepts[static_cast<size_t>(i)] != 0) add_link(state, to);
      for (size_t symbol = 0; symbol < dfa.classes.size(); ++symbol) {
        const int32_t target = dfa.target(i, symbol);
        if (target == CharacterDfa::kDead) continue;
        add_edge(state, first + static_cast<uint32_t>(target), dfa.classes[symbol]);
      }
    }
  }

  // Leads past states that only pass on to one other, and marks the states that reach the end without a character.
  void prepare_links() {
    const auto behind = [&](uint32_t state) {
      for (int i = 0; i < kMaxPassed && state != end_ && states_[state].first_edge == kNone; ++i) {
        const uint32_t at = states_[state].first_link;
        if (at == kNone || links_[at].next != kNone || links_[at].passes != Passes::kAlways) break;
        state = links_[at].target;
      }
      return state;
    };
    for (Edge& edge : edges_) edge.target = behind(edge.target);
    for (Link& link : links_) link.target = behind(link.target);

    std::vector<uint32_t> last_into(states_.size(), kNone);  // a link to each state
    std::vector<uint32_t> previous_into(links_.size(), kNone);
    std::vector<uint32_t> from(links_.size());
    for (uint32_t state = 0; state < states_.size(); ++state) {
      for (uint32_t at = states_[state].first_link; at != kNone; at = links_[at].next) {
        if (links_[at].passes == Passes::kAtStart) continue;
        from[at] = state;
        previous_into[at] = std::exchange(last_into[links_[at].target], at);
      }
    }
    ends_.assign(states_.size(), 0);
    ends_[end_] = 1;
    std::vector<uint32_t> open = {end_};
    while (!open.empty()) {
      uint32_t at = last_into[open.back()];
      open.pop_back();
      for (; at != kNone; at = previous_into[at]) {
        if (std::exchange(ends_[from[at]], 1) == 0) open.push_back(from[at]);
      }
    }
    seen_.assign(states_.size(), 0);
  }

  // The automaton's state after a character that is in exactly these of the sets that its state `from` reads.
  int32_t state_after_sets(std::span<const uint32_t> sets, uint32_t from) {
    const uint32_t number = set_lists_.find_or_add(sets);
    if (number == after_sets_.size()) after_sets_.push_back({});
    After& after = after_sets_[number];
    if (std::exchange(after.from, from) == from) return after.state;
    std::span<const uint32_t> targets;
    if (sets.size() == 1) {
      targets = targets_[sets[0]];
    } else {
      joined_.clear();
      for (const uint32_t set : sets) joined_.insert(joined_.end(), targets_[set].begin(), targets_[set].end());
      targets = joined_;
    }
    const uint32_t list = target_lists_.find_or_add(targets);  // many states have the same
    if (list == after_lists_.size()) after_lists_.push_back(state_after(targets, false));
    after.state = after_lists_[list];
    return after.state;
  }

  // The automaton's state for the set of these states and all that they reach without a character. Only those that read
  // characters are kept of it, and whether the text may end there: what follows depends on nothing else.
  int32_t state_after(std::span<const uint32_t> open, bool at_start) {
    found_.clear();
    for (const uint32_t state : open) reach(state);
    follow(at_start, false);
    std::vector<uint32_t>& set = set_;
    set.clear();
    bool accepts = false;
    for (const uint32_t state : found_) {
      if (states_[state].first_edge != kNone) set.push_back(state);
      accepts = accepts || ends_[state] != 0;
    }
    if (!std::ranges::is_sorted(set)) std::ranges::sort(set);
    if (at_start) {
      follow(true, true);
      accepts = seen_[end_] != 0;
    }
    for (const uint32_t state : found_) seen_[state] = 0;
    num_followed_ += found_.size();
    if (set.empty() && !accepts) return CharacterDfa::kDead;
    set.push_back(accepts ? 1 : 0);
    return static_cast<int32_t>(sets_of_states_.find_or_add(set));
  }

  void reach(uint32_t state) {
    if (std::exchange(seen_[state], 1) == 0) found_.push_back(state);
  }

  // Adds all that the states found reach without a character.
  void follow(bool at_start, bool at_end) {
    for (size_t i = 0; i < found_.size(); ++i) {
      for (uint32_t at = states_[found_[i]].first_link; at != kNone; at = links_[at].next) {
        const bool passes =
            links_[at].passes == Passes::kAlways || (links_[at].passes == Passes::kAtStart ? at_start : at_end);
        if (passes) reach(links_[at].target);
      }
    }
  }

  std::vector<State> states_;
  std::vector<Edge> edges_;
  std::vector<Link> links_;
  uint32_t end_ = 0;
  std::vector<CodePointSet> sets_;
  NumberLists set_numbers_;
  std::unordered_map<const CodePointSet*, uint32_t> numbers_by_object_;
  std::vector<char> ends_;       // by state: whether it reaches the end without a character, behind the text's start
  NumberLists sets_of_states_;   // each sorted, then 1 if it accepts, else 0
  std::vector<uint32_t> found_;  // by state_after()
  std::vector<uint32_t> set_;    // of state_after()
  std::vector<char> seen_;       // of found_
  size_t num_followed_ = 0;      // states that are not charged yet
  // By set: where the edges lead that read it, of the automaton's state that is looked at.
  std::vector<std::vector<uint32_t>> targets_;
  std::vector<uint32_t> joined_;  // targets of several sets
  NumberLists set_lists_;
  std::vector<After> after_sets_;  // the last found after each list of sets
  NumberLists target_lists_;
  std::vector<int32_t> after_lists_;  // after each list of targets
  WorkBudget& work_;
};

}  // namespace

Result<Dfa> dfa_of(const Expression& expression, WorkBudget& work) {
  return CharacterNfa(work).to_dfa(expression);
}

}  // namespace braid::grammar
