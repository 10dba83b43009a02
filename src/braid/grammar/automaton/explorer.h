// Runs a machine: the configurations that it can be in, found as they are needed and remembered. A configuration is the
// set of all places where the text read so far may have led, each with what is to be returned to; equal ones have one
// number, so that after a while a step is a look-up.
//
// Returns are kept as a graph (Tomita's): a node is one entry into a rule, with a frame for each place that called it
// at that moment. So a grammar that is ambiguous needs no exponential number of stacks. A counted call's frame says how
// many times more its rule must and may follow. Calls in tail position push nothing: lists by right recursion are
// loops.
//
// For masks (mask/local_mask.h) a rule can also be run apart from its callers, from a "bottom": then its end is noted
// as an exit instead of being returned from, with the number of times it was passed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "braid/grammar/automaton/machine.h"

namespace braid::grammar {

using NodeId = uint32_t;
using ConfigId = int32_t;
inline constexpr ConfigId kDeadConfig = 0;    // nothing can follow, and nothing is complete
inline constexpr ConfigId kFailedConfig = 1;  // too many places at once: the grammar is too ambiguous here

// Where a rule returns to, and how many times more it must and may run before it does.
struct Frame {
  StateId target = 0;
  NodeId parent = 0;
  uint32_t more_min = 0;
  uint32_t more_max = 0;

  auto operator<=>(const Frame&) const = default;
};

// Targets that are no states.
inline constexpr StateId kRootTarget = UINT32_MAX;        // the grammar's own end
inline constexpr StateId kBottomTarget = UINT32_MAX - 1;  // an exit; more_min counts the passes before
inline constexpr StateId kLoopTarget = UINT32_MAX - 2;    // an exit, after which the rule may start again

struct Item {
  StateId state = 0;  // one that reads bytes
  NodeId node = 0;

  auto operator<=>(const Item&) const = default;
};

class Explorer {
 public:
  explicit Explorer(std::shared_ptr<const Machine> machine);
  ~Explorer();
  Explorer(const Explorer&) = delete;
  Explorer& operator=(const Explorer&) = delete;

  const Machine& machine() const { return *machine_; }

  ConfigId start() const { return start_; }
  ConfigId step(ConfigId from, uint8_t byte) {
    const std::vector<ConfigId>& next = configs_[static_cast<size_t>(from)].next;
    const ConfigId known = next.empty() ? kUnknown : next[machine_->byte_class[byte]];
    return known != kUnknown ? known : first_step(from, byte);
  }

  bool is_complete(ConfigId config) const { return configs_[static_cast<size_t>(config)].accepts; }
  bool can_continue(ConfigId config) const { return !items(config).empty(); }
  std::span<const Item> items(ConfigId config) const { return configs_[static_cast<size_t>(config)].items; }
  std::span<const Frame> frames(NodeId node) const { return nodes_[node].frames; }
  const ByteSet& next_bytes(ConfigId config);  // that lead on

  // Runs from a bottom: passes at which the rule's end was met, and the fewest passes among the places within it.
  static constexpr uint32_t kNoPass = UINT32_MAX;
  std::span<const uint32_t> exits(ConfigId config) const { return configs_[static_cast<size_t>(config)].exits; }
  uint32_t fewest_passes(ConfigId config) const { return configs_[static_cast<size_t>(config)].fewest_passes; }

  // So many places may be looked at from now on, all steps together; then they fail. (One is some 20 ns of work.)
  void set_work_limit(int64_t num_places) { work_left_ = num_places; }

  // Exactly these places, and no others that follow from them without a byte.
  ConfigId config_of(std::vector<Item> items);
  // What follows the end of a rule that was called so (targets that are states; counts are not looked at).
  ConfigId after_return(std::span<const Frame> returns);
  // A state of a rule that runs from a bottom; with `loops`, it may start again after its end.
  ConfigId bottom_config(StateId state, bool loops);

  // The same configuration among those of another explorer of the same machine.
  ConfigId copy_from(const Explorer& other, ConfigId config);

  int64_t memory_bytes() const { return memory_bytes_; }

 private:
  struct Node {
    std::vector<Frame> frames;
    uint32_t fewest_passes = kNoPass;
  };
  struct Config {
    std::vector<Item> items;
    std::vector<uint32_t> exits;
    bool accepts = false;
    uint32_t fewest_passes = kNoPass;
    std::vector<ConfigId> next;  // by class of bytes; empty until a step is taken
    std::unique_ptr<ByteSet> next_bytes;
  };
  class Closure;

  NodeId intern_node(std::vector<Frame> frames);
  ConfigId intern_config(Config config);
  ConfigId first_step(ConfigId from, uint8_t byte);  // and remembers where it led
  ConfigId compute_step(ConfigId from, uint8_t byte);
  static uint64_t hash_of(std::span<const Frame> frames);
  static uint64_t hash_of(const Config& config);

  const std::shared_ptr<const Machine> machine_;
  static constexpr ConfigId kUnknown = -1;

  std::vector<Node> nodes_;
  std::vector<Config> configs_;
  std::unordered_multimap<uint64_t, NodeId> node_index_;  // by hash
  std::unordered_multimap<uint64_t, ConfigId> config_index_;
  std::unique_ptr<Closure> closure_;
  int64_t memory_bytes_ = 0;
  int64_t work_left_ = INT64_MAX / 2;
  ConfigId start_ = kDeadConfig;
};

}  // namespace braid::grammar
