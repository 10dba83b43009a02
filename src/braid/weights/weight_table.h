// The tensors that a model needs, as data: name, shape, and how each is split over ranks. A checkpoint is checked
// against the table before anything is loaded. Tested by model/load_model_test.cc and cli/inspect_command_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/weights/checkpoint.h"
#include "braid/weights/weight_codes.h"
#include "braid/weights/weight_use.h"

namespace braid {

// Which part of a tensor a rank holds. Model files name these, never ranks.
enum class Shard : uint8_t {
  kReplicated,   // all of it
  kHeadRows,     // the rows of its query heads (q_proj)
  kKvHeadRows,   // the rows of its key/value heads (k_proj, v_proj); shared if there are more ranks than heads
  kHeadCols,     // the columns of its query heads (o_proj)
  kHeads,        // of a vector: one element for each of its query heads (sinks)
  kFfnRows,      // rows: its part of the feed-forward block's inner size (gate, up)
  kFfnCols,      // columns: its part of that size (down)
  kVocab,        // rows: its part of the vocabulary (embedding, lm_head)
  kExpertRows,   // of its experts; rows: its part of their inner size (gate, up). One of both is whole (--moe-parallel)
  kExpertCols,   // of its experts; columns: its part of that size (down)
  kExpertWhole,  // of its experts: all of it (down's bias)
  kSharedRows,   // rows: its part of the shared expert's inner size (gate, up)
  kSharedCols,   // columns: its part of that size (down)
  kQkvRows,      // q_proj, k_proj and v_proj one below the other: kHeadRows and kKvHeadRows of each
  kGateUpRows,   // gate and up one below the other: kFfnRows of each
};

// One tensor for each expert.
constexpr bool is_expert(Shard shard) {
  return shard == Shard::kExpertRows || shard == Shard::kExpertCols || shard == Shard::kExpertWhole;
}

// What a matrix is for: those that every rank has are routers.
constexpr MatrixUse matrix_use(Shard shard) {
  if (shard == Shard::kReplicated) return MatrixUse::kExact;
  if (is_expert(shard)) return MatrixUse::kExpert;
  return shard == Shard::kVocab ? MatrixUse::kVocab : MatrixUse::kLayer;
}

struct WeightSpec {
  std::string name;  // may hold "{expert}": one tensor for each of moe.num_experts
  std::vector<int64_t> shape;
  Shard shard = Shard::kReplicated;
  std::string sizes = {};  // the configuration's names for the shape ("num_experts, hidden_size"), for errors
};

using WeightTable = std::vector<WeightSpec>;

// Reports the first tensor, in the table's order, that is missing, misshapen or of a type braid cannot use; else the
// first tensor of the checkpoint that is neither in the table nor matches a pattern of `ignored`. '*' in a pattern
// matches any characters ("*.rotary_emb.inv_freq"). A bias of zeros beside a quantized matrix needs no place.
Status check_weights(const WeightTable& table, std::span<const std::string> ignored, const Checkpoint& checkpoint);

// Reports every problem instead of the first: for `inspect`.
std::vector<std::string> find_weight_problems(const WeightTable& table, std::span<const std::string> ignored,
                                              const Checkpoint& checkpoint, size_t max_problems);

// The tensors that are not in the table but match a pattern of `ignored`.
std::vector<std::string> list_ignored(const WeightTable& table, std::span<const std::string> ignored,
                                      const Checkpoint& checkpoint);

// In which format a rank with all of the table keeps this tensor; absent: in the dtype.
std::optional<QuantizedFormat> kept_format(const WeightSpec& spec, const Checkpoint& checkpoint,
                                           const QuantizedWeights& quantized);

// How the table's tensors are computed with on a rank that has all of them.
WeightUses expected_uses(const WeightTable& table, const Checkpoint& checkpoint, DType dtype,
                         const QuantizedWeights& quantized);

bool matches_pattern(std::string_view pattern, std::string_view name);

// `name` with each "{expert}" replaced.
std::string expert_name(std::string_view name, int64_t expert);

}  // namespace braid
