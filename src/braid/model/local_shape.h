// What one rank holds of a model: the configuration's sizes, split by the rank's place. The one file that turns places
// into sizes; the configuration itself stays whole everywhere.
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
  int32_t tp_size = 1;  // of its world
  int32_t head_part = 0;
  int32_t num_head_parts = 1;
  IndexRange heads;     // query heads
  IndexRange kv_heads;  // those that `heads` read; several ranks have the same where there are more ranks than KV heads
  IndexRange ffn;       // of a dense layer's inner size
  IndexRange experts;   // whose weights it has
  IndexRange expert_ffn;   // of their inner size
  IndexRange shared_ffn;   // of the shared expert's
  IndexRange vocab;        // of the head's tokens; may be empty
  int64_t vocab_rows = 0;  // rows of every part of the head: as many as the largest, padded with zeros
  // Whether it adds the bias of an output that ranks sum up: one rank of each sum does.
  bool adds_attention_bias = true;
  bool adds_ffn_bias = true;
  bool adds_expert_bias = true;
  bool counts_kv_heads = true;  // in a sum over the group's ranks: one does of those that have the same KV heads
  int32_t domain = -1;          // the NUMA domain that it is bound to, where its weights are to lie; -1: none

  int32_t num_heads() const { return static_cast<int32_t>(heads.end - heads.begin); }
  int32_t num_kv_heads() const { return static_cast<int32_t>(kv_heads.end - kv_heads.begin); }
};

// The sizes that check_layout looks at.
LayoutModel layout_model(const ModelConfig& config);

// `place` is one that check_layout (parallel/topology.h) has passed for this model.
LocalShape local_shape(const ModelConfig& config, const RankPlace& place);

// Of the rank's KV cache: its own KV heads.
KvShape local_kv_shape(const ModelConfig& config, const LocalShape& shape, DType dtype, int32_t page_size);

// The rows or the columns that the rank has of a tensor with this shard (kVocab: of the head); not of a fused one.
IndexRange part_of(Shard shard, const ModelConfig& config, const LocalShape& shape);

// The rows that the rank has of it, in the tensor's order; of a fused tensor a range of each that it consists of.
std::vector<IndexRange> row_parts_of(Shard shard, const ModelConfig& config, const LocalShape& shape);

}  // namespace braid
