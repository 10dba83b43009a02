// Which ranks there are, which of them form a DP group, and whether a model can be split that way. Pure functions of
// plain numbers; knows nothing of threads, processes or weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/base/result.h"

namespace braid {

inline constexpr int32_t kMaxRanks = 4096;  // limit of each size that a user sets

// One rank's place in attention.
struct DpWorldInfo {
  int32_t attn_tp_rank = 0;  // its place inside its DP group
  int32_t attn_tp_size = 1;  // ranks of a group, over which attention heads are split
  int32_t attn_dp_rank = 0;  // its DP group
  bool operator==(const DpWorldInfo&) const = default;
};

// Groups are consecutive ranks. Without DP attention all ranks are one group. dp_size divides tp_size.
DpWorldInfo compute_dp_attention_world_info(bool enable_dp_attention, int32_t tp_rank, int32_t tp_size,
                                            int32_t dp_size);

// Whether this rank is its group's publisher. Without DP attention, or with one group: only rank 0 (of each replica).
bool should_run_publisher(bool enable_dp_attention, int32_t tp_rank, int32_t tp_size, int32_t dp_size);

// How a mixture's experts are split over the ranks of a world: by each expert's intermediate dimension, or by whole
// experts.
enum class MoeParallel : uint8_t { kTp, kEp };

// Over which ranks the head's vocabulary is split. If ranks share memory: all of the world, so that the head is read
// once in each step and logits are written where their owner reads them. Otherwise: those of each DP group.
enum class HeadParallel : uint8_t { kWorld, kGroup };

// All ranks that serve a model. A *world* is tp_size ranks that step together. With DP attention there is one world
// with dp_size groups; without it there are dp_size worlds (replicas) of one group each.
struct ParallelLayout {
  int32_t tp_size = 1;
  int32_t dp_size = 1;
  bool enable_dp_attention = false;
  MoeParallel moe_parallel = MoeParallel::kTp;
  HeadParallel head_parallel = HeadParallel::kWorld;

  int32_t attn_tp_size() const { return enable_dp_attention ? tp_size / dp_size : tp_size; }
  int32_t num_groups() const { return dp_size; }  // as the controller counts them
  int32_t num_worlds() const { return enable_dp_attention ? 1 : dp_size; }
  int32_t groups_per_world() const { return enable_dp_attention ? dp_size : 1; }
  int32_t num_ranks() const { return tp_size * num_worlds(); }
};

// The same ranks as one group, if DP attention is not available.
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

  // The number of the head's parts, and this rank's part.
  int32_t num_head_parts() const { return head_parallel == HeadParallel::kWorld ? tp_size : attn_tp_size; }
  int32_t head_part() const { return head_parallel == HeadParallel::kWorld ? tp_rank : attn_tp_rank; }
};
RankPlace place_of(const ParallelLayout& layout, int32_t tp_rank);

// The user's --tp-size, --dp-size, --attn-tp-size, --enable-dp-attention and --moe-parallel.
struct LayoutFlags {
  std::optional<int32_t> tp_size;
  std::optional<int32_t> dp_size;
  std::optional<int32_t> attn_tp_size;  // together with dp_size it implies DP attention
  bool enable_dp_attention = false;
  MoeParallel moe_parallel = MoeParallel::kTp;
};

// Any two of the three sizes determine the third; with DP attention and dp_size alone, a group is one rank. Errors: a
// size out of range, three sizes that do not fit, a tp_size that is not divisible by dp_size.
Result<ParallelLayout> make_layout(const LayoutFlags& flags);

// The sizes of a model that must be divisible.
struct LayoutModel {
  int32_t num_heads = 1;
  int32_t num_kv_heads = 1;
  int32_t ffn = 0;          // of dense layers; 0: there are none
  int32_t num_experts = 0;  // 0: no mixture
  int32_t expert_ffn = 0;
  int32_t shared_ffn = 0;  // of the shared expert; 0: there is none
};

// Whether the ranks can split the model evenly. The error says what is not divisible by what, and names the nearest
// sizes that work. (The vocabulary always works: it is padded for each shard.)
Status check_layout(const ParallelLayout& layout, const LayoutModel& model);

// How many KV heads each rank of a group holds, and how many ranks hold the same one (1: none is replicated).
int32_t kv_heads_per_rank(int32_t num_kv_heads, int32_t attn_tp_size);
int32_t kv_head_replicas(int32_t num_kv_heads, int32_t attn_tp_size);

// The log's note about the memory that replicated KV heads cost; empty if none is replicated.
std::string kv_replication_note(const ParallelLayout& layout, const LayoutModel& model);

// One line for each group, for the log and the server's information: "group 1: ranks 2* 3" (* is the publisher).
std::string rank_grid(const ParallelLayout& layout);

}  // namespace braid
