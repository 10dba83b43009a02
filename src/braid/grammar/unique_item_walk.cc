#include "braid/grammar/unique_item_walk.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>
#include <vector>

namespace braid::grammar {
namespace {

struct ItemPlace {
  ConfigId config = kDeadConfig;
  UniqueItems items;
};

// True if the token ends the string that is open, and nothing more than that string. (A ',' would ask for an item more,
// of which there may be none.)
bool ends_only_a_string(std::string_view token) {
  const size_t quote = token.find_first_of("\"\\");
  return quote != std::string_view::npos && token[quote] == '"' &&
         token.find_first_not_of(": \n\t", quote + 1) == std::string_view::npos;
}

}  // namespace

ConfigId UniqueItemWalk::step(ConfigId from, uint8_t byte, UniqueItems& items) {
  const bool opens_unique = byte == '[' && opens_unique_array(from);
  if (!items.is_active() && !opens_unique) return explorer_.step(from, byte);
  items.read(byte, opens_unique);
  return items.repeats() ? explorer_.step_inside_items(from, byte) : explorer_.step(from, byte);
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

bool UniqueItemWalk::has_way_out(ConfigId config, const UniqueItems& items) {
  constexpr int kMaxSteps = 4096;
  const auto is_safe = [&](ConfigId here, const UniqueItems& after) {
    return !after.is_active() || after.has_new_item() || after.is_new() || is_endless(here);
  };
  if (is_safe(config, items)) return true;
  std::set<std::pair<ConfigId, uint64_t>> seen;
  std::vector<ItemPlace> open;
  open.push_back({config, items});
  for (int num_steps = 0; !open.empty();) {
    const ItemPlace from = std::move(open.back());
    open.pop_back();
    const ByteSet next_bytes = explorer_.next_bytes(from.config);
    for (size_t byte = 0; byte < 256; ++byte) {
      if (!next_bytes.test(byte)) continue;
      if (++num_steps > kMaxSteps) return true;
      ItemPlace to = from;
      to.config = step(from.config, static_cast<uint8_t>(byte), to.items);
      if (to.config == kFailedConfig) return true;
      if (to.config == kDeadConfig) continue;
      if (is_safe(to.config, to.items)) return true;
      if (seen.emplace(to.config, to.items.fingerprint()).second) open.push_back(std::move(to));
    }
  }
  return false;
}

bool UniqueItemWalk::allows(ConfigId config, const UniqueItems& items, std::string_view bytes) {
  UniqueItems after = items;
  for (const char byte : bytes) {
    config = step(config, static_cast<uint8_t>(byte), after);
    has_failed_ = has_failed_ || config == kFailedConfig;
    if (config == kDeadConfig || config == kFailedConfig) return false;
  }
  return has_way_out(config, after);
}

bool UniqueItemWalk::clear_repetitions(const Vocabulary& vocabulary, ConfigId config, const UniqueItems& items,
                                       bool at_text_start, std::span<uint32_t> mask) {
  const auto check = [&](TokenId token) {
    std::string_view bytes = vocabulary.bytes(token);
    if (at_text_start && bytes.starts_with(' ')) bytes.remove_prefix(1);
    if (!allows(config, items, bytes)) clear_bit(mask, token);
  };
  has_failed_ = false;
  if (!items.is_active()) {
    for (const TokenId token : vocabulary.tokens_with_arrays()) {
      if (has_bit(mask, token)) check(token);
    }
    return !has_failed_;
  }
  if (items.is_in_string()) {
    // If the item differs from all earlier ones already, nothing that only ends the string makes it equal to one.
    const bool is_new = items.is_new();
    for (const TokenId token : vocabulary.tokens_with_quotes()) {
      if (has_bit(mask, token) && !(is_new && ends_only_a_string(vocabulary.bytes(token)))) check(token);
    }
    if (!is_new) clear_in_string(vocabulary, config, items, mask);
    return !has_failed_;
  }
  for (size_t word = 0; word < mask.size(); ++word) {
    for (uint32_t left = mask[word]; left != 0; left &= left - 1) {
      check(static_cast<TokenId>(word * 32 + static_cast<size_t>(std::countr_zero(left))));
    }
  }
  return !has_failed_;
}

// Checks the tokens that stay in the string, as long as the string may still become an earlier one.
void UniqueItemWalk::clear_in_string(const Vocabulary& vocabulary, ConfigId config, const UniqueItems& items,
                                     std::span<uint32_t> mask) {
  const auto nodes = vocabulary.nodes();
  std::vector<ItemPlace> path;
  path.push_back({config, items});
  for (uint32_t i = 1; i < nodes.size();) {
    const Vocabulary::Node& node = nodes[i];
    path.erase(path.begin() + node.depth, path.end());
    if (node.byte == '"') {
      i = node.subtree_end;
      continue;
    }
    ItemPlace to = path.back();
    to.config = step(path.back().config, node.byte, to.items);
    has_failed_ = has_failed_ || to.config == kFailedConfig;
    if (to.config == kDeadConfig || to.config == kFailedConfig || to.items.is_new()) {
      i = node.subtree_end;
      continue;
    }
    const auto tokens = vocabulary.tokens_at(i);
    if (!tokens.empty() && !has_way_out(to.config, to.items)) {
      for (const TokenId token : tokens) clear_bit(mask, token);
    }
    path.push_back(std::move(to));
    ++i;
  }
}

}  // namespace braid::grammar
