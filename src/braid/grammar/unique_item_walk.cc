#include "braid/grammar/unique_item_walk.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace braid::grammar {

// Follows tokens. What a token shares with the one before it is not read again, so they come in the order of their
// bytes.
class UniqueItemWalk::TokenPath {
 public:
  TokenPath(UniqueItemWalk& walk, const Place& from) : walk_(walk), places_{from} {}

  // Whether the token leads on from the beginning.
  bool allows(std::string_view token) {
    size_t num_shared = 0;
    while (num_shared < std::min(last_.size(), token.size()) && last_[num_shared] == token[num_shared]) ++num_shared;
    last_ = token;
    if (places_.size() > num_shared + 1) places_.resize(num_shared + 1);
    while (places_.size() <= token.size()) {
      const ConfigId config = places_.back().config;
      if (config == kDeadConfig || config == kFailedConfig) return false;
      places_.push_back(walk_.step(places_.back(), static_cast<uint8_t>(token[places_.size() - 1])));
      walk_.has_failed_ = walk_.has_failed_ || places_.back().config == kFailedConfig;
    }
    const ConfigId config = places_.back().config;
    return config != kDeadConfig && config != kFailedConfig && walk_.has_way_out(places_.back());
  }

 private:
  UniqueItemWalk& walk_;
  std::vector<Place> places_;  // after each byte of last_, until it leads nowhere
  std::string_view last_;
};

UniqueItemWalk::Place UniqueItemWalk::step(const Place& from, uint8_t byte) {
  const bool opens_unique = byte == '[' && opens_unique_array(from.config);
  if (!from.items.is_active() && !opens_unique) return {explorer_.step(from.config, byte), from.items};
  Place to{kDeadConfig, from.items};
  items_.read(byte, opens_unique, to.items);
  to.config =
      items_.repeats(to.items) ? explorer_.step_inside_items(from.config, byte) : explorer_.step(from.config, byte);
  return to;
}

bool UniqueItemWalk::opens_unique_array(ConfigId config) const {
  const Machine& machine = explorer_.machine();
  return std::ranges::any_of(explorer_.items(config), [&](const Item& item) {
    if (machine.rules[machine.states[item.state].rule].mark != RuleMark::kUniqueArray) return false;
    return std::ranges::any_of(machine.bytes_of(item.state),
                               [](const ByteEdge& edge) { return edge.first <= '[' && '[' <= edge.last; });
  });
}

bool UniqueItemWalk::is_endless(ConfigId config) const {
  int num_visits = 0;
  return std::ranges::any_of(explorer_.items(config), [&](const Item& item) {
    return is_endless_in_item(item.state, item.node, num_visits).value_or(false);
  });
}

// Nothing if the place is in no unique item of the innermost array of such.
std::optional<bool> UniqueItemWalk::is_endless_in_item(StateId state, NodeId node, int& num_visits) const {
  constexpr int kMaxVisits = 1000;
  if (++num_visits > kMaxVisits) return true;
  const Machine& machine = explorer_.machine();
  const Machine::State& here = machine.states[state];
  const RuleMark mark = machine.rules[here.rule].mark;
  if (mark == RuleMark::kUniqueArray) return std::nullopt;
  const bool is_so = here.counts_characters ? here.most == kUnbounded : endless_.contains(state);
  if (mark == RuleMark::kUniqueItem) return is_so;
  std::optional<bool> found;
  for (const Frame& frame : explorer_.frames(node)) {
    if (frame.target >= kLoopTarget) continue;
    const std::optional<bool> outside = is_endless_in_item(frame.target, frame.parent, num_visits);
    if (!outside) continue;
    // Calls repeat most rules; they bound the text of one that counts characters.
    const bool is_unbounded = frame.more_max == kUnbounded;
    const bool is_inside = here.counts_characters ? is_so && is_unbounded : is_so || is_unbounded;
    found = found.value_or(false) || is_inside || *outside;
    if (*found) break;
  }
  return found;
}

bool UniqueItemWalk::is_safe(const Place& place) const {
  return !place.items.is_active() || items_.has_new_item(place.items) || items_.is_new(place.items) ||
         is_endless(place.config);
}

bool UniqueItemWalk::has_way_out(const Place& place) {
  constexpr int kMaxSteps = 4096;
  if (is_safe(place)) return true;
  std::set<std::pair<ConfigId, uint64_t>> seen;
  std::vector<Place> open = {place};
  for (int num_steps = 0; !open.empty();) {
    const Place from = open.back();
    open.pop_back();
    const ByteSet next_bytes = explorer_.next_bytes(from.config);
    for (size_t byte = 0; byte < 256; ++byte) {
      if (!next_bytes.test(byte)) continue;
      if (++num_steps > kMaxSteps) return true;
      const Place to = step(from, static_cast<uint8_t>(byte));
      if (to.config == kFailedConfig) return true;
      if (to.config == kDeadConfig) continue;
      if (is_safe(to)) return true;
      if (seen.emplace(to.config, items_.fingerprint(to.items)).second) open.push_back(to);
    }
  }
  return false;
}

bool UniqueItemWalk::clear_repetitions(const Vocabulary& vocabulary, ConfigId config, bool at_text_start,
                                       std::span<uint32_t> mask) {
  const Place from = start(config);
  TokenPath path(*this, from);
  const auto check = [&](TokenId token) {
    if (!has_bit(mask, token)) return;
    std::string_view bytes = vocabulary.bytes(token);
    if (at_text_start && bytes.starts_with(' ')) bytes.remove_prefix(1);
    if (!path.allows(bytes)) clear_bit(mask, token);
  };
  has_failed_ = false;
  if (!from.items.is_active()) {
    std::ranges::for_each(vocabulary.tokens_with_arrays(), check);
    return !has_failed_;
  }
  if (!from.items.is_in_string()) {
    clear_between(vocabulary, from, mask);
    return !has_failed_;
  }
  std::ranges::for_each(vocabulary.tokens_past_strings(), check);
  // If the item differs from all earlier ones already, nothing that only ends the string makes it equal to one.
  if (!items_.is_new(from.items)) {
    std::ranges::for_each(vocabulary.tokens_ending_strings(), check);
    clear_in_string(vocabulary, from, mask);
  }
  return !has_failed_;
}

// Checks the tokens that stay in the string, as long as the string may still become an earlier one.
void UniqueItemWalk::clear_in_string(const Vocabulary& vocabulary, const Place& from, std::span<uint32_t> mask) {
  const auto nodes = vocabulary.nodes();
  std::vector<Place> path = {from};
  for (uint32_t i = 1; i < nodes.size();) {
    const Vocabulary::Node& node = nodes[i];
    path.resize(node.depth);
    if (node.byte == '"') {
      i = node.subtree_end;
      continue;
    }
    const Place to = step(path.back(), node.byte);
    has_failed_ = has_failed_ || to.config == kFailedConfig;
    if (to.config == kDeadConfig || to.config == kFailedConfig || items_.is_new(to.items)) {
      i = node.subtree_end;
      continue;
    }
    const auto tokens = vocabulary.tokens_at(i);
    if (!tokens.empty() && !has_way_out(to)) {
      for (const TokenId token : tokens) clear_bit(mask, token);
    }
    path.push_back(to);
    ++i;
  }
}

// Checks all tokens, outside of strings.
void UniqueItemWalk::clear_between(const Vocabulary& vocabulary, const Place& from, std::span<uint32_t> mask) {
  const auto nodes = vocabulary.nodes();
  struct Step {
    Place to;
    bool has_repeated = false;  // an item: then the automaton alone, whose mask this was, may lead further
  };
  std::vector<Step> path = {{from, false}};
  const uint64_t item_ends = kind_of_byte(',') | kind_of_byte(']') | kind_of_byte('}');
  for (uint32_t i = 1; i < nodes.size();) {
    const Vocabulary::Node& node = nodes[i];
    path.resize(node.depth);
    Step here{step(path.back().to, node.byte), path.back().has_repeated};
    here.has_repeated = here.has_repeated || items_.repeats(here.to.items);
    has_failed_ = has_failed_ || here.to.config == kFailedConfig;
    if (here.to.config == kDeadConfig || here.to.config == kFailedConfig) {
      if (here.has_repeated) {
        for (const TokenId token : vocabulary.tokens_below(i)) clear_bit(mask, token);
      }
      i = node.subtree_end;
      continue;
    }
    const auto tokens = vocabulary.tokens_at(i);
    if (!tokens.empty() && !has_way_out(here.to)) {
      for (const TokenId token : tokens) clear_bit(mask, token);
    }
    const uint64_t kinds = vocabulary.kinds_below(i);
    // Within an item that differs from all earlier ones, only what ends it matters.
    const bool is_new = items_.is_new(here.to.items) && here.to.items.is_active();
    const bool ends_item =
        (kinds & item_ends) != 0 && (!here.to.items.is_in_string() || (kinds & kind_of_byte('"')) != 0);
    if (is_new && !ends_item && !here.has_repeated) {
      i = node.subtree_end;
      continue;
    }
    path.push_back(std::move(here));
    ++i;
  }
}

}  // namespace braid::grammar
