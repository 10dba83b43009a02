// Grouped-query self-attention over the paged KV cache: projections (with or without bias), an optional RMSNorm on each
// query and key head or on all of them at once, rotary positions or none. Tested by sharded_model_test.cc and
// worker/transformers_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/layers/layer_spec.h"
#include "braid/model/layers/rope_table.h"
#include "braid/model/layers/stacked_matrix.h"
#include "braid/model/shared_parts.h"
#include "braid/model/step.h"
#include "braid/model/weight_list.h"

namespace braid {

// For the heads of one rank.
struct AttentionShape {
  int32_t layer = 0;
  int32_t num_heads = 0;
  int32_t num_kv_heads = 0;
  int32_t head_dim = 0;
  float norm_eps = 0;
  int32_t kv_group = 0;
  int32_t window = 0;            // AttentionParams::window
  float scale = 1;               // multiplies q·k
  float soft_cap = 0;            // AttentionParams::soft_cap
  int32_t num_all_heads = 0;     // over all ranks of the group
  int32_t num_all_kv_heads = 0;  // over all ranks of the group, each head once
  bool counts_kv_heads = true;   // of the ranks with the same KV heads, one counts them
};

struct AttentionWeights {
  SharedStack qkv;                 // rows of q, then k, then v
  std::vector<float> qkv_bias;     // empty: none
  SharedMatrix output;             // the columns of its heads
  std::vector<float> output_bias;  // empty: none, or another rank adds it
  QkNorm norm = QkNorm::kNone;
  std::vector<float> q_norm;  // kHead: [head_dim]; kAllHeads: [heads * head_dim] for its heads
  std::vector<float> k_norm;
  std::vector<float> sinks;      // [heads], AttentionParams::sinks; empty: none
  std::vector<float> key_scale;  // [1], KvLayer::key_scale; empty: the checkpoint has none
  std::vector<float> value_scale;
};

class Attention {
 public:
  // If `rope_table` is null, positions are not rotated.
  Attention(const AttentionShape& shape, AttentionWeights weights, std::shared_ptr<const RopeTable> rope_table)
      : shape_(shape), weights_(std::move(weights)), rope_table_(std::move(rope_table)) {}

  // x: normed own rows. Returns what the residual stream gains, [own rows, hidden] float32.
  ConstRows operator()(Step& step, ConstRows x) const;

  void list_weights(const AttentionTensors& tensors, WeightList& list) const;

 private:
  void normalize(Step& step, Rows q, Rows k) const;

  AttentionShape shape_;
  AttentionWeights weights_;
  std::shared_ptr<const RopeTable> rope_table_;
};

}  // namespace braid
