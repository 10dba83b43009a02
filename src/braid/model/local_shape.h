// The part of a model that one rank holds: the configuration's sizes, split by the rank's place. Only this file turns
// places into sizes; the configuration stays whole everywhere. Tested by sharded_model_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/config/model_config.h"
#include "braid/kv/kv_cache.h"
#include "braid/parallel/topology.h"
#include "braid/weights/load.h"
#include "braid/weights/weight_table.h"

namespace braid {

struct LocalShape {
  int32_t tp_size = 1;  // of the rank's world
  int32_t head_part = 0;
  int32_t num_head_parts = 1;
  IndexRange heads;        // query heads
  IndexRange kv_heads;     // the heads that `heads` read; with more ranks than KV heads, several ranks have the same
  IndexRange ffn;          // part of a dense layer's inner size
  IndexRange experts;      // the experts whose weights it has
  IndexRange expert_ffn;   // part of an expert's inner size
  IndexRange shared_ffn;   // part of the shared expert's inner size
  IndexRange vocab;        // its tokens of the head; may be empty
  int64_t vocab_rows = 0;  // rows of every part of the head: those of the largest; zeros fill up
  // Whether this rank adds an output's bias. Of the ranks whose outputs are summed, one does.
  bool adds_attention_bias = true;
  bool adds_ffn_bias = true;
  bool adds_expert_bias = true;
  bool counts_kv_heads = true;  // in a sum over the group's ranks: one of the ranks with the same KV heads counts
  int32_t domain = -1;          // the NUMA domain that the rank is bound to and its weights should lie in; -1: none

  int32_t num_heads() const { return static_cast<int32_t>(heads.end - heads.begin); }
  int32_t num_kv_heads() const { return static_cast<int32_t>(kv_heads.end - kv_heads.begin); }
};

// The sizes that check_layout checks.
LayoutModel layout_model(const ModelConfig& config);

// `place` must have passed check_layout (parallel/topology.h) for this model.
LocalShape local_shape(const ModelConfig& config, const RankPlace& place);

// The shape of the rank's KV cache: its own KV heads.
KvShape local_kv_shape(const ModelConfig& config, const LocalShape& shape, KvDType dtype, int32_t page_size);

// The rows or columns that the rank holds of a tensor with this shard (kVocab: of the head). Not for fused tensors.
IndexRange part_of(Shard shard, const ModelConfig& config, const LocalShape& shape);

// The rows that the rank holds, in the tensor's order. For a fused tensor: one range for each tensor inside it.
std::vector<IndexRange> row_parts_of(Shard shard, const ModelConfig& config, const LocalShape& shape);

}  // namespace braid
