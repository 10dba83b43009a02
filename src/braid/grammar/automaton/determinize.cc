// Makes rules deterministic (normalize_rules.h). Tested by ../ebnf/ebnf_parser_test.cc.
#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "braid/grammar/automaton/normalize_rules.h"
#include "braid/grammar/automaton/number_lists.h"

namespace braid::grammar {
namespace {

constexpr StateId kUnknownState = UINT32_MAX;

// Where a rule can stand: at one of its states, or after some bytes of a literal edge. Places of edges have numbers
// after those of the states.
class RulePlaces {
 public:
  RulePlaces(const RuleAutomaton& rule, std::string_view text) : rule_(rule), text_(text) {
    auto next = static_cast<StateId>(rule.states.size());
    for (const AutomatonState& state : rule.states) {
      first_edge_.push_back(edges_.size());
      for (const LiteralEdge& edge : state.literals) {
        edges_.push_back({edge, next});
        next += edge.size - 1;
      }
    }
    first_edge_.push_back(edges_.size());
    num_places_ = next;
  }

  size_t num_places() const { return num_places_; }

  // The rest of a literal edge.
  struct Rest {
    uint32_t begin = 0;  // in the text
    uint32_t size = 0;
    StateId first_place = 0;  // after one byte; the others follow
    StateId target = 0;

    StateId after(size_t num_bytes) const {
      return num_bytes == size ? target : first_place + static_cast<StateId>(num_bytes) - 1;
    }
  };

  std::string_view bytes_of(const Rest& rest) const { return text_.substr(rest.begin, rest.size); }
  uint8_t first_byte_of(const Rest& rest) const { return static_cast<uint8_t>(text_[rest.begin]); }

  void add_rests(StateId place, std::vector<Rest>& out) const {
    if (place < rule_.states.size()) {
      for (size_t i = first_edge_[place]; i < first_edge_[place + 1]; ++i) out.push_back(rest_of(edges_[i], 0));
      return;
    }
    const Edge& edge = *std::prev(std::ranges::upper_bound(edges_, place, {}, &Edge::first_place));
    out.push_back(rest_of(edge, place - edge.first_place + 1));
  }

 private:
  struct Edge {
    LiteralEdge literal;
    StateId first_place = 0;
  };

  Rest rest_of(const Edge& edge, uint32_t num_read) const {
    return {edge.literal.begin + num_read, edge.literal.size - num_read, edge.first_place + num_read,
            edge.literal.target};
  }

  const RuleAutomaton& rule_;
  const std::string_view text_;
  std::vector<Edge> edges_;
  std::vector<size_t> first_edge_;  // of each state, and the end
  size_t num_places_ = 0;
};

// Subset construction over bytes, literals and calls. Gives up if it needs too many states.
class SubsetConstruction {
 public:
  SubsetConstruction(const RuleAutomaton& rule, std::string_view text)
      : rule_(rule), places_(rule, text), seen_(rule.states.size(), 0), single_(rule.states.size(), kUnknownState) {
    auto num_edges = static_cast<int64_t>(places_.num_places() - rule.states.size());
    for (const AutomatonState& state : rule.states) {
      num_edges += static_cast<int64_t>(state.bytes.size() + state.calls.size() + state.epsilons.size());
      traits_.push_back({.has_epsilons = !state.epsilons.empty(),
                         .is_kept = state.accepts || state.goes_on(),
                         .has_others = state.accepts || !state.bytes.empty() || !state.calls.empty()});
    }
    const auto num_places = static_cast<int64_t>(places_.num_places());
    max_states_ = std::min<int64_t>(2 * num_places + 256, kMaxStates);
    work_left_ = 8 * (num_places + num_edges) + 65'536;
  }

  // False if it gave up; otherwise `out` has the states and the start.
  bool run(RuleAutomaton& out) {
    out.start = state_of(rule_.start);
    for (uint32_t i = 0; i < subsets_.size(); ++i) {
      if (work_left_ < 0 || int64_t{subsets_.size()} > max_states_) return false;
      states_.push_back(expand(i));
      if (work_left_ < 0) return false;
    }
    out.states = std::move(states_);
    return true;
  }

 private:
  static constexpr int64_t kMaxStates = 200'000;

  StateId state_of(StateId place) {
    if (place >= single_.size()) return state_of(std::span(&place, 1));
    if (single_[place] == kUnknownState) single_[place] = state_of(std::span(&place, 1));
    return single_[place];
  }

  StateId state_of_targets() { return targets_.size() == 1 ? state_of(targets_[0]) : state_of(targets_); }

  StateId state_of(std::span<const StateId> targets) {
    closed_.clear();
    for (const StateId place : targets) visit(place);
    for (size_t i = 0; i < closed_.size(); ++i) {
      if (closed_[i] >= traits_.size() || !traits_[closed_[i]].has_epsilons) continue;
      for (const StateId to : rule_.states[closed_[i]].epsilons) visit(to);
    }
    for (const StateId place : closed_) {
      if (place < seen_.size()) seen_[place] = 0;
    }
    // Skip states that only pass on to others.
    std::erase_if(closed_, [&](StateId place) { return place < traits_.size() && !traits_[place].is_kept; });
    if (!std::ranges::is_sorted(closed_)) std::ranges::sort(closed_);
    work_left_ -= static_cast<int64_t>(closed_.size()) + 1;
    return subsets_.find_or_add(closed_);
  }

  void visit(StateId place) {
    if (place < seen_.size() && std::exchange(seen_[place], 1) != 0) return;
    closed_.push_back(place);
  }

  AutomatonState expand(uint32_t subset) {
    AutomatonState out;
    edges_.clear();
    calls_.clear();
    rests_.clear();
    read_bytes_.clear();
    for (const StateId place : subsets_[subset]) {
      places_.add_rests(place, rests_);
      if (place >= traits_.size() || !traits_[place].has_others) continue;
      const AutomatonState& state = rule_.states[place];
      out.accepts = out.accepts || state.accepts;
      edges_.insert(edges_.end(), state.bytes.begin(), state.bytes.end());
      calls_.insert(calls_.end(), state.calls.begin(), state.calls.end());
    }
    expand_literals(out);
    expand_bytes();
    out.bytes.append(*rule_.arena, read_bytes_);
    if (!calls_.empty()) expand_calls(out);
    return out;
  }

  // What the rests have in common stays one literal, if no other edge reads its first byte; else an edge of edges_
  // reads that.
  void expand_literals(AutomatonState& out) {
    if (rests_.empty()) return;
    std::array<bool, 256> is_read{};
    for (const ByteEdge& edge : edges_) std::fill(&is_read[edge.first], &is_read[edge.last] + 1, true);
    sort_rests_by_first_byte();
    for (size_t i = 0; i < rests_.size();) {
      const uint8_t byte = places_.first_byte_of(rests_[i]);
      std::string_view common = places_.bytes_of(rests_[i]);
      size_t end = i + 1;
      for (; end < rests_.size() && places_.first_byte_of(rests_[end]) == byte; ++end) {
        const auto differs = std::ranges::mismatch(common, places_.bytes_of(rests_[end])).in1;
        common = common.substr(0, static_cast<size_t>(differs - common.begin()));
      }
      if (is_read[byte]) common = common.substr(0, 1);
      const auto group = std::span(rests_).subspan(i, end - i);
      if (is_read[byte]) {
        for (const auto& rest : group) edges_.push_back({byte, byte, rest.after(1)});
        i = end;
        continue;
      }
      targets_.clear();
      for (const auto& rest : group) targets_.push_back(rest.after(common.size()));
      work_left_ -= static_cast<int64_t>(targets_.size());
      const StateId target = state_of_targets();
      if (common.size() == 1) {
        read_bytes_.push_back({byte, byte, target});
      } else {
        out.literals.push_back(*rule_.arena, {group.front().begin, static_cast<uint32_t>(common.size()), target});
      }
      i = end;
    }
  }

  // By counting: an object with many members has a subset for each of them, with all that may follow.
  void sort_rests_by_first_byte() {
    std::array<uint32_t, 257> next{};
    for (const auto& rest : rests_) ++next[places_.first_byte_of(rest) + size_t{1}];
    std::partial_sum(next.begin(), next.end(), next.begin());
    sorted_.resize(rests_.size());
    for (const auto& rest : rests_) sorted_[next[places_.first_byte_of(rest)]++] = rest;
    std::swap(rests_, sorted_);
  }

  void expand_bytes() {
    std::ranges::sort(edges_, {}, &ByteEdge::first);
    const auto overlap = [](const ByteEdge& a, const ByteEdge& b) { return b.first <= a.last; };
    if (std::ranges::adjacent_find(edges_, overlap) == edges_.end()) {
      for (const ByteEdge& edge : edges_) {
        --work_left_;
        read(edge.first, edge.last, state_of(edge.target));
      }
    } else {
      expand_overlapping_bytes();
    }
    std::ranges::sort(read_bytes_, {}, &ByteEdge::first);
  }

  // The same edges apply between two adjacent borders.
  void expand_overlapping_bytes() {
    std::array<bool, 257> is_border{};
    for (const ByteEdge& edge : edges_) {
      is_border[edge.first] = true;
      is_border[edge.last + size_t{1}] = true;
    }
    active_.clear();
    size_t next = 0;
    for (size_t byte = 0; byte < 256 && (next < edges_.size() || !active_.empty()); ++byte) {
      if (!is_border[byte]) continue;
      std::erase_if(active_, [&](const ByteEdge& edge) { return edge.last < byte; });
      while (next < edges_.size() && edges_[next].first == byte) active_.push_back(edges_[next++]);
      if (active_.empty()) continue;
      size_t end = byte + 1;
      while (!is_border[end]) ++end;
      targets_.clear();
      for (const ByteEdge& edge : active_) targets_.push_back(edge.target);
      work_left_ -= static_cast<int64_t>(targets_.size());
      read(static_cast<uint8_t>(byte), static_cast<uint8_t>(end - 1), state_of_targets());
    }
  }

  void read(uint8_t first, uint8_t last, StateId target) {
    const bool goes_on =
        !read_bytes_.empty() && read_bytes_.back().target == target && read_bytes_.back().last + 1 == first;
    if (goes_on) {
      read_bytes_.back().last = last;
    } else {
      read_bytes_.push_back({first, last, target});
    }
  }

  void expand_calls(AutomatonState& out) {
    const auto key_of = [](const CallEdge& call) { return std::tuple(call.rule, call.min, call.max); };
    std::ranges::sort(calls_, {}, key_of);
    for (size_t i = 0; i < calls_.size();) {
      targets_.clear();
      CallEdge joined = calls_[i];
      for (; i < calls_.size() && key_of(calls_[i]) == key_of(joined); ++i) targets_.push_back(calls_[i].target);
      joined.target = state_of_targets();
      out.calls.push_back(*rule_.arena, joined);
    }
  }

  // What most states lack, side by side: an object's subsets have hundreds of states.
  struct Traits {
    bool has_epsilons = false;
    bool is_kept = false;     // it does more than pass on to others
    bool has_others = false;  // than literals and epsilons
  };

  const RuleAutomaton& rule_;
  const RulePlaces places_;
  std::vector<Traits> traits_;  // by state
  std::vector<char> seen_;
  std::vector<StateId> single_;  // the state of each place's closure alone, once it is known
  // Room for the parts of expand() and state_of().
  std::vector<StateId> closed_;
  std::vector<RulePlaces::Rest> rests_;
  std::vector<RulePlaces::Rest> sorted_;
  std::vector<ByteEdge> edges_;       // of the subset's places
  std::vector<ByteEdge> active_;      // of them
  std::vector<ByteEdge> read_bytes_;  // of the new state
  std::vector<CallEdge> calls_;
  std::vector<StateId> targets_;
  NumberLists subsets_;
  std::vector<AutomatonState> states_;
  int64_t max_states_ = 0;
  int64_t work_left_ = 0;
};

// True if no two edges of a state read the same, and none reads nothing.
bool is_deterministic(const RuleAutomaton& rule, std::string_view text) {
  for (const AutomatonState& state : rule.states) {
    if (!state.epsilons.empty() || state.calls.size() > 1) return false;
    if (state.bytes.size() + state.literals.size() <= 1) continue;
    ByteSet seen;
    for (const ByteEdge& edge : state.bytes) {
      const ByteSet read = byte_range(edge.first, edge.last);
      if ((seen & read).any()) return false;
      seen |= read;
    }
    for (const LiteralEdge& edge : state.literals) {
      const auto first = static_cast<uint8_t>(text[edge.begin]);
      if (seen.test(first)) return false;
      seen.set(first);
    }
  }
  return true;
}

}  // namespace

void determinize(RuleSet& rules) {
  for (RuleAutomaton& rule : rules.rules) {
    if (rule.counts_characters) continue;  // it is so by characters; merged states would have texts of fewer lengths
    if (is_deterministic(rule, rules.text)) continue;
    RuleAutomaton deterministic{
        .arena = rule.arena, .name = rule.name, .shared_key = rule.shared_key, .mark = rule.mark};
    if (SubsetConstruction(rule, rules.text).run(deterministic)) rule = std::move(deterministic);
  }
}

}  // namespace braid::grammar
