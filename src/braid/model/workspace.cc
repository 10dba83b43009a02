#include "braid/model/workspace.h"

namespace braid {

Workspace::Workspace(const ModelConfig& config, DType compute_dtype, int64_t max_tokens, int64_t max_logit_rows)
    : residual(DType::kFloat32, max_tokens, config.hidden),
      normed(compute_dtype, max_tokens, config.hidden),
      qkv(DType::kFloat32, max_tokens, int64_t{config.num_heads + 2 * config.num_kv_heads} * config.head_dim),
      attended(compute_dtype, max_tokens, int64_t{config.num_heads} * config.head_dim),
      delta(DType::kFloat32, max_tokens, config.hidden),
      ffn_hidden(compute_dtype, max_tokens, config.ffn),
      logit_input(DType::kFloat32, max_logit_rows, config.hidden),
      logit_normed(compute_dtype, max_logit_rows, config.hidden),
      logits(DType::kFloat32, max_logit_rows, config.vocab_size) {
  if (config.moe.num_experts > 0) {
    const int64_t routed_rows = max_tokens * config.moe.experts_per_token;
    router_input = RowsBuffer(DType::kFloat32, max_tokens, config.hidden);
    router_logits = RowsBuffer(DType::kFloat32, max_tokens, config.moe.num_experts);
    expert_hidden = RowsBuffer(compute_dtype, routed_rows, config.moe.expert_ffn);
    expert_outputs = RowsBuffer(DType::kFloat32, routed_rows, config.hidden);
  }
}

int64_t Workspace::bytes() const {
  int64_t total = 0;
  for (const RowsBuffer* buffer :
       {&residual, &normed, &qkv, &attended, &delta, &ffn_hidden, &router_input, &router_logits, &expert_hidden,
        &expert_outputs, &logit_input, &logit_normed, &logits}) {
    total += buffer->bytes();
  }
  return total;
}

}  // namespace braid
