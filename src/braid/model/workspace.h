// The activations' memory: allocated once for the largest step, shared by all layers, committed on first use.
#pragma once

#include <cstdint>

#include "braid/config/model_config.h"
#include "braid/tensor/buffer.h"

namespace braid {

struct Workspace {
  // `max_tokens`: rows of the largest step; `max_logit_rows`: rows whose logits one product computes.
  Workspace(const ModelConfig& config, DType compute_dtype, int64_t max_tokens, int64_t max_logit_rows);

  int64_t bytes() const;

  int64_t touched_experts = 0;  // in this step so far: experts with rows, summed over the layers

  RowsBuffer residual;        // [tokens, hidden] float32
  RowsBuffer normed;          // [tokens, hidden] compute dtype
  RowsBuffer qkv;             // [tokens, (heads + 2 kv_heads) * head_dim] float32
  RowsBuffer attended;        // [tokens, heads * head_dim] compute dtype
  RowsBuffer delta;           // [tokens, hidden] float32: what a block adds to the residual stream
  RowsBuffer ffn_hidden;      // [tokens, ffn] compute dtype
  RowsBuffer router_input;    // [tokens, hidden] float32, mixtures only
  RowsBuffer router_logits;   // [tokens, experts] float32
  RowsBuffer expert_hidden;   // [tokens * top_k, expert_ffn] compute dtype
  RowsBuffer expert_outputs;  // [tokens * top_k, hidden] float32
  RowsBuffer logit_input;     // [logit rows, hidden] float32: the residual rows that give logits
  RowsBuffer logit_normed;    // [logit rows, hidden] compute dtype
  RowsBuffer logits;          // [logit rows, vocab] float32
};

}  // namespace braid
