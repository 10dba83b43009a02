#include "braid/grammar/automaton/explorer.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"
#include "braid/grammar/automaton/closure.h"
#include "braid/grammar/mixed_bits.h"

namespace braid::grammar {
namespace {

uint64_t mixed(uint64_t hash, uint64_t value) {
  return mixed_bits(hash + value);
}

constexpr int64_t kIndexEntryBytes = 48;

// UINT32_MAX is more than any number.
uint32_t sum(uint32_t a, uint32_t b) {
  return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

}  // namespace

uint64_t Explorer::hash_of(std::span<const Frame> frames) {
  uint64_t hash = frames.size();
  for (const Frame& frame : frames) {
    hash = mixed(hash, (uint64_t{frame.target} << 32) | frame.parent);
    hash = mixed(hash, (uint64_t{frame.more_min} << 32) | frame.more_max);
  }
  return hash;
}

uint64_t Explorer::hash_of(const Config& config) {
  uint64_t hash = (config.accepts ? 1 : 0) + (config.ended_character ? 2 : 0);
  for (const Item& item : config.items) hash = mixed(hash, (uint64_t{item.state} << 32) | item.node);
  for (const uint32_t exit : config.exits) hash = mixed(hash, ~uint64_t{exit});
  return hash;
}

Explorer::Explorer(std::shared_ptr<const Machine> machine)
    : machine_(std::move(machine)), closure_(std::make_unique<Closure>(*this)) {
  configs_.emplace_back();  // kDeadConfig
  config_index_.emplace(hash_of(configs_.back()), kDeadConfig);
  configs_.emplace_back();  // kFailedConfig: not in the index: never found by content
  Config first;
  closure_->call(machine_->root, {kRootTarget, 0, 0, 0});
  if (!closure_->run(first)) {
    start_ = kFailedConfig;
    return;
  }
  first.accepts = machine_->accepts_empty_text;
  start_ = intern_config(std::move(first));
}

Explorer::~Explorer() = default;

ConfigId Explorer::first_step(ConfigId from, uint8_t byte) {
  return cached_step(from, byte, &Config::next, true);
}

ConfigId Explorer::step_inside_items(ConfigId from, uint8_t byte) {
  const std::vector<ConfigId>& next = configs_[static_cast<size_t>(from)].next_inside;
  const ConfigId known = next.empty() ? kUnknown : next[machine_->byte_class[byte]];
  return known != kUnknown ? known : cached_step(from, byte, &Config::next_inside, false);
}

ConfigId Explorer::cached_step(ConfigId from, uint8_t byte, std::vector<ConfigId> Config::*cache,
                               bool ends_unique_items) {
  if (from == kFailedConfig) return kFailedConfig;
  if (!can_continue(from)) return kDeadConfig;
  const ConfigId to = compute_step(from, byte, ends_unique_items);
  if (to == kFailedConfig) return to;  // not cached: a later call may have more work left
  std::vector<ConfigId>& next = configs_[static_cast<size_t>(from)].*cache;
  if (next.empty()) {
    next.assign(machine_->class_byte.size(), kUnknown);
    memory_bytes_ += static_cast<int64_t>(next.size() * sizeof(ConfigId));
  }
  next[machine_->byte_class[byte]] = to;
  return to;
}

ConfigId Explorer::compute_step(ConfigId from, uint8_t byte, bool ends_unique_items) {
  bool moves = false;
  for (const Item& item : configs_[static_cast<size_t>(from)].items) {
    for (const ByteEdge& edge : machine_->bytes_of(item.state)) {
      if (byte < edge.first || byte > edge.last) continue;
      closure_->arrive(edge.target, item.node);
      moves = true;
    }
  }
  if (!moves) return kDeadConfig;
  Config next;
  if (!closure_->run(next, ends_unique_items)) return kFailedConfig;
  return intern_config(std::move(next));
}

const ByteSet& Explorer::next_bytes(ConfigId id) {
  Config& config = configs_[static_cast<size_t>(id)];
  if (config.next_bytes == nullptr) {
    config.next_bytes = std::make_unique<ByteSet>();
    for (const Item& item : config.items) {
      for (const ByteEdge& edge : machine_->bytes_of(item.state)) {
        *config.next_bytes |= byte_range(edge.first, edge.last);
      }
    }
    memory_bytes_ += static_cast<int64_t>(sizeof(ByteSet));
  }
  return *config.next_bytes;
}

ConfigId Explorer::config_of(std::vector<Item> items) {
  Config config{.items = std::move(items)};
  std::ranges::sort(config.items);
  for (const Item& item : config.items) {
    config.fewest_passes = std::min(config.fewest_passes, fewest_passes(item));
  }
  return intern_config(std::move(config));
}

ConfigId Explorer::after_return(std::span<const Frame> returns) {
  for (const Frame& frame : returns) closure_->arrive(frame.target, frame.parent);
  Config config;
  if (!closure_->run(config)) return kFailedConfig;
  return intern_config(std::move(config));
}

ConfigId Explorer::bottom_config(StateId state, bool loops) {
  const NodeId bottom = intern_node({{loops ? kLoopTarget : kBottomTarget, 0, 0, 0}});
  return config_of({{state, bottom}});
}

uint32_t Explorer::fewest_passes(const Item& item) const {
  const Node& node = nodes_[item.node];
  return sum(node.fewest_passes, node.is_at_bottom ? machine_->states[item.state].fewest : 0);
}

uint32_t Explorer::most_passes(const Item& item) const {
  const Node& node = nodes_[item.node];
  return sum(node.most_passes, node.is_at_bottom ? machine_->states[item.state].most : 0);
}

NodeId Explorer::intern_node(std::vector<Frame> frames) {
  const uint64_t hash = hash_of(frames);
  const auto [first, last] = node_index_.equal_range(hash);
  for (auto found = first; found != last; ++found) {
    if (nodes_[found->second].frames == frames) return found->second;
  }
  const auto id = static_cast<NodeId>(nodes_.size());
  Node node{.frames = std::move(frames)};
  for (const Frame& frame : node.frames) {
    uint32_t fewest = kNoPass;
    uint32_t most = 0;
    if (frame.target == kBottomTarget || frame.target == kLoopTarget) {
      fewest = most = frame.more_min;
      node.is_at_bottom = true;
    } else if (frame.target != kRootTarget) {
      const Node& parent = nodes_[frame.parent];
      const Machine::State& target = machine_->states[frame.target];
      const uint32_t ended = target.ends_character ? 1 : 0;
      fewest = sum(parent.fewest_passes, parent.is_at_bottom ? sum(ended, target.fewest) : 0);
      most = sum(parent.most_passes, parent.is_at_bottom ? sum(ended, target.most) : 0);
    }
    node.fewest_passes = std::min(node.fewest_passes, fewest);
    node.most_passes = std::max(node.most_passes, most);
  }
  memory_bytes_ += static_cast<int64_t>(sizeof(Node) + node.frames.size() * sizeof(Frame)) + kIndexEntryBytes;
  nodes_.push_back(std::move(node));
  node_index_.emplace(hash, id);
  return id;
}

ConfigId Explorer::intern_config(Config config) {
  const uint64_t hash = hash_of(config);
  const auto [first, last] = config_index_.equal_range(hash);
  for (auto found = first; found != last; ++found) {
    const Config& other = configs_[static_cast<size_t>(found->second)];
    if (other.items == config.items && other.exits == config.exits && other.accepts == config.accepts &&
        other.ended_character == config.ended_character) {
      return found->second;
    }
  }
  const auto id = static_cast<ConfigId>(configs_.size());
  memory_bytes_ += static_cast<int64_t>(sizeof(Config) + config.items.size() * sizeof(Item)) + kIndexEntryBytes;
  configs_.push_back(std::move(config));
  config_index_.emplace(hash, id);
  return id;
}

ConfigId Explorer::copy_from(const Explorer& other, ConfigId id) {
  if (id == kDeadConfig || id == kFailedConfig) return id;
  const Config& config = other.configs_[static_cast<size_t>(id)];
  // A node's frames refer only to older nodes, so one pass from the youngest down finds all that are needed.
  std::vector<char> needed(other.nodes_.size(), 0);
  for (const Item& item : config.items) needed[item.node] = 1;
  const auto is_state = [](StateId target) { return target < kLoopTarget; };
  for (size_t i = needed.size(); i-- > 0;) {
    if (needed[i] == 0) continue;
    for (const Frame& frame : other.nodes_[i].frames) {
      if (is_state(frame.target)) needed[frame.parent] = 1;
    }
  }
  std::vector<NodeId> renumbered(needed.size(), 0);
  for (size_t i = 0; i < needed.size(); ++i) {
    if (needed[i] == 0) continue;
    std::vector<Frame> frames = other.nodes_[i].frames;
    for (Frame& frame : frames) {
      if (is_state(frame.target)) frame.parent = renumbered[frame.parent];
    }
    std::ranges::sort(frames);
    renumbered[i] = intern_node(std::move(frames));
  }
  Config copy{.items = config.items,
              .exits = config.exits,
              .accepts = config.accepts,
              .ended_character = config.ended_character};
  for (Item& item : copy.items) item.node = renumbered[item.node];
  std::ranges::sort(copy.items);
  for (const Item& item : copy.items) copy.fewest_passes = std::min(copy.fewest_passes, fewest_passes(item));
  return intern_config(std::move(copy));
}

}  // namespace braid::grammar
