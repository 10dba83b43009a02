#include "braid/model/workspace.h"

#include <algorithm>

namespace braid {
namespace {

int64_t gate_up_rows(const ModelConfig& config, const StepLimits& limits) {
  const int64_t rows = limits.all_tokens * std::max(config.moe.experts_per_token, 1);
  return 2 * std::min(rows, Workspace::kGateUpRows);
}

int64_t widest_ffn(const LocalShape& shape) {
  int64_t widest = 0;
  for (const IndexRange& ffn : {shape.ffn, shape.expert_ffn, shape.shared_ffn}) {
    widest = std::max<int64_t>(widest, ffn.end - ffn.begin);
  }
  return widest;
}

}  // namespace

Workspace::Workspace(const ModelConfig& config, const LocalShape& shape, const RowTypes& types,
                     const StepLimits& limits)
    : residual(DType::kFloat32, limits.group_tokens, config.hidden),
      qkv(DType::kFloat32, limits.group_tokens,
          int64_t{shape.num_heads() + 2 * shape.num_kv_heads()} * config.head_dim),
      qk_squares(DType::kFloat32, limits.group_tokens, 2),
      attended(types.rows, limits.group_tokens, int64_t{shape.num_heads()} * config.head_dim),
      delta(DType::kFloat32, limits.all_tokens, config.hidden),
      normed_delta(DType::kFloat32, limits.group_tokens, config.hidden),
      ffn_hidden(types.rows, limits.all_tokens, shape.ffn.end - shape.ffn.begin),
      gate_up_sums(DType::kFloat32, gate_up_rows(config, limits), widest_ffn(shape)),
      logit_input(DType::kFloat32, limits.group_logit_rows, config.hidden),
      logit_normed(shape.tp_size == 1 ? types.rows : types.exchanged, limits.group_logit_rows, config.hidden),
      is_alone_(shape.tp_size == 1) {
  if (is_alone_) {
    normed = RowsBuffer(types.rows, limits.group_tokens, config.hidden);
    logits = RowsBuffer(DType::kFloat32, limits.group_logit_rows, config.vocab_size);
  } else {
    attention_partial = RowsBuffer(DType::kFloat32, limits.group_tokens, config.hidden);
  }
  if (config.moe.num_experts > 0) {
    const int64_t routed_rows = limits.all_tokens * config.moe.experts_per_token;
    const int64_t shared_rows = config.moe.shared_ffn > 0 ? limits.all_tokens : 0;
    router_input = RowsBuffer(DType::kFloat32, limits.all_tokens, config.hidden);
    router_logits = RowsBuffer(DType::kFloat32, limits.all_tokens, config.moe.num_experts);
    expert_hidden = RowsBuffer(types.rows, routed_rows, shape.expert_ffn.end - shape.expert_ffn.begin);
    shared_gates = RowsBuffer(DType::kFloat32, shared_rows, 1);
    shared_hidden = RowsBuffer(types.rows, shared_rows, shape.shared_ffn.end - shape.shared_ffn.begin);
    expert_outputs = RowsBuffer(DType::kFloat32, routed_rows + shared_rows, config.hidden);
  }
}

int64_t Workspace::bytes() const {
  int64_t total = 0;
  for (const RowsBuffer* buffer :
       {&residual, &normed, &qkv, &qk_squares, &attended, &attention_partial, &delta, &normed_delta, &ffn_hidden,
        &gate_up_sums, &router_input, &router_logits, &expert_hidden, &shared_gates, &shared_hidden, &expert_outputs,
        &logit_input, &logit_normed, &logits}) {
    total += buffer->bytes();
  }
  return total;
}

}  // namespace braid
