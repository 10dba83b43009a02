// Runs a machine. Configurations are computed on demand and cached. A configuration is the set of all places that the
// text read so far may have led to, each with its returns. Equal configurations have one id, so after a while a step is
// a look-up.
//
// Returns form a graph (Tomita's). A node is one entry into a rule, with a frame for each place that called it at that
// moment, so an ambiguous grammar does not need exponentially many stacks. The frame of a counted call says how often
// its rule must and may still run. Calls in tail position push nothing: a list by right recursion is a loop.
//
// For masks (mask/local_mask.h) a rule can also run without callers, from a "bottom". Its end is then recorded as an
// exit, with the number of earlier passes. Tested by ../ebnf/ebnf_parser_test.cc and ../grammar_matcher_test.cc.
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
inline constexpr ConfigId kDeadConfig = 0;    // nothing can follow, and the text is not complete
inline constexpr ConfigId kFailedConfig = 1;  // too many places at once: the grammar is too ambiguous here

// Where a rule returns to, and how often it must and may still run before it does; or how many more characters it must
// and may still read, if it counts them.
struct Frame {
  StateId target = 0;
  NodeId parent = 0;
  uint32_t more_min = 0;
  uint32_t more_max = 0;

  auto operator<=>(const Frame&) const = default;
};

// Targets that are not states.
inline constexpr StateId kRootTarget = UINT32_MAX;        // the end of the grammar
inline constexpr StateId kBottomTarget = UINT32_MAX - 1;  // an exit; more_min counts the earlier passes
inline constexpr StateId kLoopTarget = UINT32_MAX - 2;    // an exit, after which the rule may start again

struct Item {
  StateId state = 0;  // a state that reads bytes
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

  // The same if no item of an array of unique items (RuleMark) may end with this byte.
  ConfigId step_inside_items(ConfigId from, uint8_t byte);

  bool is_complete(ConfigId config) const { return configs_[static_cast<size_t>(config)].accepts; }
  bool can_continue(ConfigId config) const { return !items(config).empty(); }
  std::span<const Item> items(ConfigId config) const { return configs_[static_cast<size_t>(config)].items; }
  std::span<const Frame> frames(NodeId node) const { return nodes_[node].frames; }
  const ByteSet& next_bytes(ConfigId config);  // the bytes that can follow

  // For runs from a bottom: the passes at which the rule ended, and the fewest passes among the places inside it. In a
  // rule that counts characters: how many more of them, at least and at most, a text that goes on from a place needs to
  // end.
  static constexpr uint32_t kNoPass = UINT32_MAX;
  std::span<const uint32_t> exits(ConfigId config) const { return configs_[static_cast<size_t>(config)].exits; }
  uint32_t fewest_passes(ConfigId config) const { return configs_[static_cast<size_t>(config)].fewest_passes; }
  uint32_t fewest_passes(const Item& item) const;
  uint32_t most_passes(const Item& item) const;
  // In a rule that counts characters: whether the last byte ended one.
  bool ended_character(ConfigId config) const { return configs_[static_cast<size_t>(config)].ended_character; }

  // Limits the places visited by all steps from now on; above it steps fail. (A place takes about 20 ns.)
  void set_work_limit(int64_t num_places) { work_left_ = num_places; }

  // A configuration of exactly these places, without others that follow without a byte.
  ConfigId config_of(std::vector<Item> items);
  // The configuration after a rule with these returns ended (targets are states; counts are ignored).
  ConfigId after_return(std::span<const Frame> returns);
  // A state of a rule that runs from a bottom. `loops`: the rule may start again after its end.
  ConfigId bottom_config(StateId state, bool loops);

  // Copies a configuration from another explorer of the same machine.
  ConfigId copy_from(const Explorer& other, ConfigId config);

  int64_t memory_bytes() const { return memory_bytes_; }

 private:
  struct Node {
    std::vector<Frame> frames;
    uint32_t fewest_passes = kNoPass;
    uint32_t most_passes = 0;
    bool is_at_bottom = false;  // only there a rule's own characters are passes
  };
  struct Config {
    std::vector<Item> items;
    std::vector<uint32_t> exits;
    bool accepts = false;
    bool ended_character = false;
    uint32_t fewest_passes = kNoPass;
    std::vector<ConfigId> next;         // by class of bytes; empty before the first step
    std::vector<ConfigId> next_inside;  // of step_inside_items()
    std::unique_ptr<ByteSet> next_bytes;
  };
  class Closure;

  NodeId intern_node(std::vector<Frame> frames);
  ConfigId intern_config(Config config);
  ConfigId first_step(ConfigId from, uint8_t byte);  // and caches the result
  ConfigId cached_step(ConfigId from, uint8_t byte, std::vector<ConfigId> Config::*cache, bool ends_unique_items);
  ConfigId compute_step(ConfigId from, uint8_t byte, bool ends_unique_items);
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
