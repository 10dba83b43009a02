// Which ranks there are, which of them form a DP group, and whether a model can be split that way. Pure functions of
// plain numbers: nothing here knows threads, processes or weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/base/result.h"

namespace braid {

inline constexpr int32_t kMaxRanks = 4096;  // of each size that a user gives

// Where one rank attends.
struct DpWorldInfo {
  int32_t attn_tp_rank = 0;  // its place inside its DP group
  int32_t attn_tp_size = 1;  // ranks of a group, over which attention heads are split
  int32_t attn_dp_rank = 0;  // its group
  bool operator==(const DpWorldInfo&) const = default;
};

// Groups are consecutive ranks. Without DP attention all ranks are one group. dp_size divides tp_size.
DpWorldInfo compute_dp_attention_world_info(bool enable_dp_attention, int32_t tp_rank, int32_t tp_size,
                                            int32_t dp_size);

// Whether this rank plans for its group. Without DP attention, or with one group: rank 0 (of each replica) alone.
bool should_run_publisher(bool enable_dp_attention, int32_t tp_rank, int32_t tp_size, int32_t dp_size);

// How the experts of a mixture are split over the ranks of a world: each one's intermediate dimension, or whole ones.
enum class MoeParallel : uint8_t { kTp, kEp };

// Over which ranks the head's vocabulary is split: all of the world where they share a memory, so that a head is read
// once a step and logits are written where their owner reads them; else those of each DP group.
enum class HeadParallel : uint8_t { kWorld, kGroup };

// All ranks that serve a model. A *world* is tp_size ranks that step together: with DP attention there is one, with
// dp_size groups in it; without, dp_size > 1 means as many worlds (replicas) of one group each.
struct ParallelLayout {
  int32_t tp_size = 1;
  int32_t dp_size = 1;
  bool enable_dp_attention = false;
  MoeParallel moe_parallel = MoeParallel::kTp;
  HeadParallel head_parallel = HeadParallel::kWorld;

  int32_t attn_tp_size() const { return enable_dp_attention ? tp_size / dp_size : tp_size; }
  int32_t num_groups() const { return dp_size; }  // as the controller sees them
  int32_t num_worlds() const { return enable_dp_attention ? 1 : dp_size; }
  int32_t groups_per_world() const { return enable_dp_attention ? dp_size : 1; }
  int32_t num_ranks() const { return tp_size * num_worlds(); }
};

// The same ranks as one group, for where DP attention cannot be had.
ParallelLayout without_dp_attention(ParallelLayout layout);

// One rank's place in its world.
struct RankPlace {
  int32_t tp_rank = 0;
  int32_t tp_size = 1;
  int32_t attn_tp_rank = 0;
  int32_t attn_tp_size = 1;
  int32_t attn_dp_rank = 0;
  int32_t dp_size = 1;  // groups in this world
  MoeParallel moe_parallel = MoeParallel::kTp;
  HeadParallel head_parallel = HeadParallel::kWorld;
  bool operator==(const RankPlace&) const = default;

  // The head's parts, and which of them this rank has.
  int32_t num_head_parts() const { return head_parallel == HeadParallel::kWorld ? tp_size : attn_tp_size; }
  int32_t head_part() const { return head_parallel == HeadParallel::kWorld ? tp_rank : attn_tp_rank; }
};
RankPlace place_of(const ParallelLayout& layout, int32_t tp_rank);

// What a user gave of --tp-size, --dp-size, --attn-tp-size, --enable-dp-attention and --moe-parallel.
struct LayoutFlags {
  std::optional<int32_t> tp_size;
  std::optional<int32_t> dp_size;
  std::optional<int32_t> attn_tp_size;  // beside dp_size it implies DP attention
  bool enable_dp_attention = false;
  MoeParallel moe_parallel = MoeParallel::kTp;
};

// Any two of the three sizes say the third. Errors: a size out of range, three that do not fit, a tp_size that is not
// divisible by dp_size.
Result<ParallelLayout> make_layout(const LayoutFlags& flags);

// What a model has that must divide.
struct LayoutModel {
  int32_t num_heads = 1;
  int32_t num_kv_heads = 1;
  int32_t ffn = 0;          // of dense layers; 0: there are none
  int32_t num_experts = 0;  // 0: no mixture
  int32_t expert_ffn = 0;
  int32_t shared_ffn = 0;  // of the expert that all tokens share; 0: there is none
};

// Whether the ranks can share the model out evenly. The error says what is not divisible by what, and the nearest
// sizes that work. (The vocabulary always divides: it is padded for each shard.)
Status check_layout(const ParallelLayout& layout, const LayoutModel& model);

// KV heads that each rank of a group holds, and how many ranks hold the same one (1: none is held twice).
int32_t kv_heads_per_rank(int32_t num_kv_heads, int32_t attn_tp_size);
int32_t kv_head_replicas(int32_t num_kv_heads, int32_t attn_tp_size);

// What the log says once about memory that replicated KV heads cost; empty where none is replicated.
std::string kv_replication_note(const ParallelLayout& layout, const LayoutModel& model);

// One line a group, for the log and the server's information: "group 1: ranks 2* 3" (* publishes).
std::string rank_grid(const ParallelLayout& layout);

}  // namespace braid
