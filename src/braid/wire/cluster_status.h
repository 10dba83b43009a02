// Where a server's ranks are, and what each has done. Plain data. Tested by controller/rank_watch_test.cc and
// process_message_codec_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace braid {

// Since the server's start. A rank that starts again in the same process goes on counting.
struct RankCounts {
  uint64_t num_steps = 0;
  double step_s = 0;       // in those steps
  double exchange_s = 0;   // of it: in exchanges with the world's other ranks, mostly waiting for them
  double even_work_s = 0;  // of it: in feed-forward layers, which the ranks share out evenly, whoever the tokens are of

  bool operator==(const RankCounts&) const = default;
};

// As the last check of a rank's weights found them (Engine::check_weights()).
struct RankWeights {
  // Weights that are held together, by their tensors' names in the checkpoint.
  struct Damaged {
    std::string tensors;
    int64_t num_bad_pages = 0;

    bool operator==(const Damaged&) const = default;
  };
  static constexpr size_t kMaxDamaged = 64;

  double checked_unix_s = 0;          // 0: never, and the rest does not count
  int64_t num_pages = 0;              // that the rank computes with
  int64_t num_bad_pages = 0;          // of them: are not what was loaded
  std::vector<Damaged> damaged = {};  // the first kMaxDamaged, in the order of the forward pass

  bool operator==(const RankWeights&) const = default;
};

struct RankStatus {
  int32_t rank = 0;   // of all worlds
  int32_t world = 0;  // which it is in
  int32_t group = 0;  // of all worlds
  int32_t node = 0;
  int64_t pid = 0;  // of its process
  std::string kernels;
  std::vector<int32_t> cpus;  // none: any
  int32_t numa_domain = -1;   // -1: the system decides
  int64_t memory_bytes = 0;   // weights and KV cache
  RankCounts counts;
  double times_slower = 0;  // than its world's others, lately; 0: not known
  RankWeights weights = {};

  bool operator==(const RankStatus&) const = default;
};

struct NodeStatus {
  int32_t node = 0;
  std::string host;      // empty: it has not come yet
  bool is_there = true;  // false: it is awaited

  bool operator==(const NodeStatus&) const = default;
};

// A world that goes on without nodes that are gone (--elastic).
struct ElasticStatus {
  std::vector<int32_t> left_out;  // the nodes without which it runs, or starts; none: it is whole
  double since_unix_s = 0;        // since it lacks nodes
  std::string problem;            // why it does not start without them; empty: nothing is known against it

  bool operator==(const ElasticStatus&) const = default;
};

struct ClusterStatus {
  std::vector<NodeStatus> nodes;
  std::vector<RankStatus> ranks;              // ascending; those of processes that start are missing
  std::optional<ElasticStatus> elastic = {};  // absent: the world waits for nodes that are gone
};

}  // namespace braid
