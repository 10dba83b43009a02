// Makes rules deterministic (normalize_rules.h). Tested by ../ebnf/ebnf_parser_test.cc.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "braid/grammar/automaton/normalize_rules.h"

namespace braid::grammar {
namespace {

// Subset construction over bytes and calls. Gives up if it needs too many states.
class SubsetConstruction {
 public:
  explicit SubsetConstruction(const RuleAutomaton& rule) : rule_(rule), seen_(rule.states.size(), 0) {
    int64_t num_edges = 0;
    for (const AutomatonState& state : rule.states) {
      num_edges += static_cast<int64_t>(state.bytes.size() + state.calls.size() + state.epsilons.size());
    }
    const auto num_states = static_cast<int64_t>(rule.states.size());
    max_states_ = std::min<int64_t>(2 * num_states + 256, kMaxStates);
    work_left_ = 8 * (num_states + num_edges) + 65'536;
  }

  // False if it gave up; otherwise `out` has the states and the start.
  bool run(RuleAutomaton& out) {
    out.start = state_of({rule_.start});
    for (size_t i = 0; i < subsets_.size(); ++i) {
      if (work_left_ < 0 || static_cast<int64_t>(subsets_.size()) > max_states_) return false;
      AutomatonState state = expand(subsets_[i]);
      if (work_left_ < 0) return false;
      states_.push_back(std::move(state));
    }
    out.states = std::move(states_);
    return true;
  }

 private:
  static constexpr int64_t kMaxStates = 200'000;
  using Subset = std::vector<StateId>;

  StateId state_of(Subset targets) {
    Subset closed;
    for (const StateId state : targets) visit(state, closed);
    for (size_t i = 0; i < closed.size(); ++i) {
      for (const StateId to : rule_.states[closed[i]].epsilons) visit(to, closed);
    }
    for (const StateId state : closed) seen_[state] = 0;
    // Skip states that only pass on to others.
    std::erase_if(closed, [&](StateId id) {
      const AutomatonState& state = rule_.states[id];
      return !state.accepts && state.bytes.empty() && state.calls.empty();
    });
    std::ranges::sort(closed);
    work_left_ -= static_cast<int64_t>(closed.size()) + 1;
    const auto [found, is_new] = numbers_.emplace(std::move(closed), static_cast<StateId>(subsets_.size()));
    if (is_new) subsets_.push_back(found->first);
    return found->second;
  }

  void visit(StateId state, Subset& closed) {
    if (seen_[state] != 0) return;
    seen_[state] = 1;
    closed.push_back(state);
  }

  AutomatonState expand(const Subset subset) {  // a copy: subsets_ grows
    AutomatonState out;
    std::vector<ByteEdge> edges;
    std::map<std::tuple<RuleId, uint32_t, uint32_t>, Subset> calls;
    for (const StateId id : subset) {
      const AutomatonState& state = rule_.states[id];
      out.accepts = out.accepts || state.accepts;
      edges.insert(edges.end(), state.bytes.begin(), state.bytes.end());
      for (const CallEdge& call : state.calls) calls[{call.rule, call.min, call.max}].push_back(call.target);
    }
    expand_bytes(std::move(edges), out);
    for (auto& [key, targets] : calls) {
      const auto& [callee, min, max] = key;
      out.calls.push_back({callee, min, max, state_of(std::move(targets))});
    }
    return out;
  }

  // The same edges apply between two adjacent borders.
  void expand_bytes(std::vector<ByteEdge> edges, AutomatonState& out) {
    std::vector<char> is_border(257, 0);
    for (const ByteEdge& edge : edges) {
      is_border[edge.first] = 1;
      is_border[edge.last + size_t{1}] = 1;
    }
    std::ranges::sort(edges, {}, &ByteEdge::first);
    std::vector<ByteEdge> active;
    size_t next = 0;
    for (size_t byte = 0; byte < 256; ++byte) {
      if (is_border[byte] == 0) continue;
      std::erase_if(active, [&](const ByteEdge& edge) { return edge.last < byte; });
      while (next < edges.size() && edges[next].first == byte) active.push_back(edges[next++]);
      if (active.empty()) continue;
      size_t end = byte + 1;
      while (is_border[end] == 0) ++end;
      Subset targets;
      for (const ByteEdge& edge : active) targets.push_back(edge.target);
      work_left_ -= static_cast<int64_t>(targets.size());
      const StateId target = state_of(std::move(targets));
      const auto first = static_cast<uint8_t>(byte);
      const auto last = static_cast<uint8_t>(end - 1);
      if (!out.bytes.empty() && out.bytes.back().target == target && out.bytes.back().last + 1 == first) {
        out.bytes.back().last = last;
      } else {
        out.bytes.push_back({first, last, target});
      }
    }
  }

  const RuleAutomaton& rule_;
  std::vector<char> seen_;
  std::map<Subset, StateId> numbers_;
  std::vector<Subset> subsets_;
  std::vector<AutomatonState> states_;
  int64_t max_states_ = 0;
  int64_t work_left_ = 0;
};

}  // namespace

void determinize(RuleSet& rules) {
  for (RuleAutomaton& rule : rules.rules) {
    if (rule.counts_characters) continue;  // it is so by characters; merged states would have texts of fewer lengths
    RuleAutomaton deterministic{.name = rule.name, .shared_key = rule.shared_key, .mark = rule.mark};
    if (SubsetConstruction(rule).run(deterministic)) rule = std::move(deterministic);
  }
}

}  // namespace braid::grammar
