#include "braid/model/layers/attention.h"

#include <cmath>
#include <utility>

namespace braid {

Attention::Attention(const ModelConfig& config, int32_t layer, AttentionWeights weights,
                     std::shared_ptr<const RopeTable> rope_table)
    : layer_(layer),
      num_heads_(config.num_heads),
      num_kv_heads_(config.num_kv_heads),
      head_dim_(config.head_dim),
      norm_eps_(config.norm_eps),
      weights_(std::move(weights)),
      rope_table_(std::move(rope_table)) {}

ConstRows Attention::operator()(Step& step, ConstRows x) const {
  Ops& ops = step.ops;
  const ConstRows input = step.exchange.group_gather(x);

  const Rows qkv = step.workspace.qkv.first(input.rows);
  ops.matmul(input, weights_.qkv, qkv, {.bias = weights_.qkv_bias});
  const Rows q = qkv.slice_cols(0, int64_t{num_heads_} * head_dim_);
  const Rows k = qkv.slice_cols(q.cols, int64_t{num_kv_heads_} * head_dim_);
  const Rows v = qkv.slice_cols(q.cols + k.cols, k.cols);

  if (!weights_.q_norm.empty()) ops.head_rms_norm(q, head_dim_, weights_.q_norm, norm_eps_);
  if (!weights_.k_norm.empty()) ops.head_rms_norm(k, head_dim_, weights_.k_norm, norm_eps_);
  const RopeTable::Angles angles = rope_table_->angles(step.positions);
  ops.rope(q, head_dim_, step.positions, angles.cos, angles.sin);
  ops.rope(k, head_dim_, step.positions, angles.cos, angles.sin);

  const KvLayer& kv = step.kv_layers[static_cast<size_t>(layer_)];
  ops.write_kv(k, v, step.sequences, kv);
  const Rows attended = step.workspace.attended.first(input.rows);
  const AttentionParams params{.num_heads = num_heads_, .scale = 1.0F / std::sqrt(static_cast<float>(head_dim_))};
  step.attention_backend.forward(q, step.sequences, kv, params, attended);

  const Rows delta = step.workspace.delta.first(input.rows);
  ops.matmul(attended, weights_.output, delta, {.bias = weights_.output_bias});
  return step.exchange.group_scatter(delta);
}

}  // namespace braid
