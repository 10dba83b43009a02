// Grouped-query self-attention over the paged KV cache, as Qwen3 and Llama use it: projections (with or without bias),
// an optional RMSNorm on each query and key head, rotary positions.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/kernels/packed_matrix.h"
#include "braid/model/layers/rope_table.h"
#include "braid/model/step.h"

namespace braid {

struct AttentionWeights {
  PackedMatrix qkv;             // rows of q, then k, then v
  std::vector<float> qkv_bias;  // empty: none
  PackedMatrix output;
  std::vector<float> output_bias;  // empty: none
  std::vector<float> q_norm;       // [head_dim]; empty: none
  std::vector<float> k_norm;
};

class Attention {
 public:
  Attention(const ModelConfig& config, int32_t layer, AttentionWeights weights,
            std::shared_ptr<const RopeTable> rope_table);

  // x: normed own rows. Returns what the residual stream gains, [own rows, hidden] float32.
  ConstRows operator()(Step& step, ConstRows x) const;

 private:
  int32_t layer_;
  int32_t num_heads_;
  int32_t num_kv_heads_;
  int32_t head_dim_;
  float norm_eps_;
  AttentionWeights weights_;
  std::shared_ptr<const RopeTable> rope_table_;
};

}  // namespace braid
