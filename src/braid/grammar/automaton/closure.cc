#include "braid/grammar/automaton/closure.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

namespace braid::grammar {
namespace {

uint64_t key_of(const Item& place) {
  return (uint64_t{place.state} << 32) | place.node;
}

// Sorts frames and removes duplicates, and frames covered by another: one that returns to the same place, must run no
// more often and may run no less often.
void tidy(std::vector<Frame>& frames) {
  std::ranges::sort(frames);
  std::vector<Frame> kept;
  for (const Frame& frame : frames) {
    const auto same_place = [&](const Frame& other) {
      return other.target == frame.target && other.parent == frame.parent;
    };
    // Frames of one place are sorted by more_min: a frame adds something only if it allows more than all frames before
    // it.
    if (!kept.empty() && same_place(kept.back()) && frame.target != kLoopTarget && frame.target != kBottomTarget) {
      if (frame.more_min == kept.back().more_min) {
        kept.back().more_max = std::max(kept.back().more_max, frame.more_max);
        continue;
      }
      if (frame.more_max <= kept.back().more_max) continue;
    } else if (!kept.empty() && kept.back() == frame) {
      continue;
    }
    kept.push_back(frame);
  }
  frames = std::move(kept);
}

// The frame after arriving at a state of a rule that counts characters. Nothing if no text from there has a length
// within its bounds.
std::optional<Frame> counted_frame(Frame frame, const Machine::State& state) {
  const uint32_t ended = state.ends_character ? 1 : 0;
  if (frame.target == kBottomTarget) return frame;  // bounds come later
  if (frame.more_max < ended) return std::nullopt;
  frame.more_min -= std::min(frame.more_min, ended);
  if (frame.more_max != kUnbounded) frame.more_max -= ended;
  if (state.fewest > frame.more_max || state.most < frame.more_min) return std::nullopt;
  return frame;
}

// True if a character more is possible.
bool goes_on(const Frame& frame, const Machine::State& state) {
  if (frame.target == kBottomTarget) return true;
  return std::max(state.fewest_more, frame.more_min) <= std::min(state.most, frame.more_max);
}

}  // namespace

void Explorer::Closure::arrive(StateId state, NodeId node) {
  Item place{state, node};
  ++work_;
  if (explorer_.machine().states[state].counts_characters) {
    if (!can_count(place)) return;
    place.node = counted(place);
    ended_character_ = ended_character_ || explorer_.machine().states[state].ends_character;
  }
  if (places_.size() < kFewPlaces) {
    if (std::ranges::find(places_, place) != places_.end()) return;
  } else {
    if (seen_.empty()) {
      for (const Item& other : places_) seen_.insert(key_of(other));
    }
    if (!seen_.insert(key_of(place)).second) return;
  }
  places_.push_back(place);
}

// True if a text that arrives here can end within the bounds of a call.
bool Explorer::Closure::can_count(const Item& place) const {
  const Machine::State& state = explorer_.machine().states[place.state];
  return std::ranges::any_of(explorer_.frames(place.node),
                             [&](const Frame& frame) { return counted_frame(frame, state).has_value(); });
}

// The node after arriving at a state of a rule that counts characters.
NodeId Explorer::Closure::counted(const Item& place) {
  const Machine::State& state = explorer_.machine().states[place.state];
  std::vector<Frame> frames;
  for (const Frame& frame : explorer_.frames(place.node)) {
    if (const auto after = counted_frame(frame, state)) frames.push_back(*after);
  }
  work_ += frames.size();
  tidy(frames);
  return explorer_.intern_node(std::move(frames));
}

void Explorer::Closure::call(uint32_t rule, const Frame& frame) {
  ++work_;
  std::vector<Frame>& frames = pending_[rule];
  if (frames.empty()) {
    called_.push_back(rule);
    std::ranges::push_heap(called_, std::greater<>());
  }
  frames.push_back(frame);
}

bool Explorer::Closure::run(Config& out, bool ends_unique_items) {
  ends_unique_items_ = ends_unique_items;
  while (next_place_ < places_.size() && work_ < kMaxWork) follow(places_[next_place_++], out);
  // Every return is known now: a rule is entered after all its callers, which have lower numbers.
  while (!called_.empty() && work_ < kMaxWork) {
    std::ranges::pop_heap(called_, std::greater<>());
    const uint32_t rule = called_.back();
    called_.pop_back();
    enter(rule, out);
  }
  explorer_.work_left_ -= static_cast<int64_t>(work_);
  const bool is_small = work_ < kMaxWork && out.items.size() <= kMaxItems && explorer_.work_left_ >= 0;
  out.ended_character = ended_character_;
  clear();
  std::ranges::sort(out.items);
  out.items.erase(std::unique(out.items.begin(), out.items.end()), out.items.end());
  std::ranges::sort(out.exits);
  out.exits.erase(std::unique(out.exits.begin(), out.exits.end()), out.exits.end());
  for (const Item& item : out.items) {
    out.fewest_passes = std::min(out.fewest_passes, explorer_.fewest_passes(item));
  }
  return is_small;
}

void Explorer::Closure::follow(const Item& place, Config& out) {
  const Item here = place;  // a copy: places_ grows
  const Machine& machine = explorer_.machine();
  const Machine::State& state = machine.states[here.state];
  for (const StateId to : machine.epsilons_of(here.state)) arrive(to, here.node);
  const auto may_go_on = [&](const Frame& frame) { return goes_on(frame, state); };
  const bool is_open = !state.counts_characters || std::ranges::any_of(explorer_.frames(here.node), may_go_on);
  if (is_open && !machine.bytes_of(here.state).empty()) out.items.push_back(here);
  follow_calls(here.state, here.node);
  if (state.accepts) complete_rule(state.rule, here.node, out);
}

void Explorer::Closure::follow_calls(StateId state, NodeId node) {
  const Machine& machine = explorer_.machine();
  for (const CallEdge& edge : machine.calls_of(state)) {
    const auto rule = static_cast<uint32_t>(edge.rule);
    if (machine.rules[rule].counts_characters) {
      call(rule, {edge.target, node, edge.min, edge.max});
      continue;
    }
    if (machine.states[edge.target].counts_characters && !can_count({edge.target, node})) continue;
    const auto frames = explorer_.frames(node);
    // A call in tail position returns where its caller returns, unless the caller has a count.
    const auto counts = [](const Frame& frame) { return frame.more_max > 0 || frame.target == kLoopTarget; };
    if (edge.max == 1 && machine.states[edge.target].only_accepts && std::ranges::none_of(frames, counts)) {
      for (const Frame& frame : frames) call(rule, frame);
      continue;
    }
    const uint32_t more_max = edge.max == kUnbounded ? kUnbounded : edge.max - 1;
    call(rule, {edge.target, node, edge.min - 1, more_max});
  }
}

void Explorer::Closure::complete_rule(uint32_t rule, NodeId node, Config& out) {
  if (!ends_unique_items_ && explorer_.machine().rules[rule].mark == RuleMark::kUniqueItem) return;
  const bool counts_characters = explorer_.machine().rules[rule].counts_characters;
  for (const Frame& frame : explorer_.frames(node)) {  // they stay where they are when arrivals add nodes
    switch (frame.target) {
      case kRootTarget:
        out.accepts = true;
        break;
      case kBottomTarget:
        out.exits.push_back(frame.more_min);
        break;
      case kLoopTarget:
        out.exits.push_back(frame.more_min);
        call(rule, {kLoopTarget, 0, frame.more_min + 1, 0});
        break;
      default:
        if (frame.more_min == 0) arrive(frame.target, frame.parent);
        if (frame.more_max > 0 && !counts_characters) {
          const uint32_t more_max = frame.more_max == kUnbounded ? kUnbounded : frame.more_max - 1;
          call(rule, {frame.target, frame.parent, frame.more_min == 0 ? 0 : frame.more_min - 1, more_max});
        }
    }
  }
}

void Explorer::Closure::enter(uint32_t rule, Config& out) {
  std::vector<Frame>& frames = pending_[rule];
  tidy(frames);
  work_ += frames.size();
  const NodeId node = explorer_.intern_node(frames);
  frames.clear();
  const Machine& machine = explorer_.machine();
  for (const StateId state : machine.rules[rule].entry_states) {
    ++work_;
    if (!machine.bytes_of(state).empty()) out.items.push_back({state, node});
    follow_calls(state, node);
  }
}

void Explorer::Closure::clear() {
  places_.clear();
  next_place_ = 0;
  seen_.clear();
  for (const uint32_t rule : called_) pending_[rule].clear();
  called_.clear();
  work_ = 0;
  ended_character_ = false;
}

}  // namespace braid::grammar
