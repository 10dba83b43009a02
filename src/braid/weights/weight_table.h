// What tensors a model needs, as data: name, shape, and how each is split over ranks. A checkpoint is held to it before
// anything is loaded.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/weights/checkpoint.h"

namespace braid {

// Which part of a tensor a rank holds. Model files name these, never ranks.
enum class Shard : uint8_t {
  kReplicated,   // all of it
  kHeadRows,     // rows of its query heads (q_proj)
  kKvHeadRows,   // rows of its key/value heads (k_proj, v_proj); shared where there are more ranks than heads
  kHeadCols,     // columns of its query heads (o_proj)
  kHeads,        // of a vector, one element for each of its query heads (sinks)
  kFfnRows,      // rows of its part of the feed-forward's inner size (gate, up)
  kFfnCols,      // columns of it (down)
  kVocab,        // rows of its part of the vocabulary (embedding, lm_head)
  kExpertRows,   // of its experts, rows of its part of their inner size (gate, up); by --moe-parallel all of either
  kExpertCols,   // columns of it (down)
  kExpertWhole,  // of its experts, all of it (down's bias)
  kSharedRows,   // rows of its part of the shared expert's inner size (gate, up)
  kSharedCols,   // columns of it (down)
  kQkvRows,      // q_proj, k_proj and v_proj one below the other: of each, what kHeadRows and kKvHeadRows say
  kGateUpRows,   // gate and up one below the other: of each, what kFfnRows says
};

// One tensor for each expert.
constexpr bool is_expert(Shard shard) {
  return shard == Shard::kExpertRows || shard == Shard::kExpertCols || shard == Shard::kExpertWhole;
}

struct WeightSpec {
  std::string name;  // may hold "{expert}": one tensor for each of moe.num_experts
  std::vector<int64_t> shape;
  Shard shard = Shard::kReplicated;
  std::string sizes = {};  // the configuration's names for the shape ("num_experts, hidden_size"), for errors
};

using WeightTable = std::vector<WeightSpec>;

// Errors of the first tensor, in the table's order, that is missing, misshapen or of a type braid cannot use; then of
// the first one in the checkpoint that neither the table nor a pattern of `ignored` names. '*' in a pattern stands for
// any characters ("*.rotary_emb.inv_freq").
Status check_weights(const WeightTable& table, std::span<const std::string> ignored, const Checkpoint& checkpoint);

// The same, but every problem instead of the first: for `inspect`.
std::vector<std::string> find_weight_problems(const WeightTable& table, std::span<const std::string> ignored,
                                              const Checkpoint& checkpoint, size_t max_problems);

// The tensors that the table does not name and a pattern of `ignored` does.
std::vector<std::string> list_ignored(const WeightTable& table, std::span<const std::string> ignored,
                                      const Checkpoint& checkpoint);

bool matches_pattern(std::string_view pattern, std::string_view name);

// name with "{expert}" replaced.
std::string expert_name(std::string_view name, int64_t expert);

}  // namespace braid
