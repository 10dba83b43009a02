#include "braid/model/layers/attention.h"

#include <cmath>

namespace braid {

ConstRows Attention::operator()(Step& step, ConstRows x) const {
  Ops& ops = step.ops;
  const auto [layer, num_heads, num_kv_heads, head_dim, norm_eps, kv_group, window] = shape_;
  const ConstRows input = step.exchange.group_gather(x);

  const Rows qkv = step.workspace.qkv.first(input.rows);
  ops.matmul(input, *weights_.qkv, qkv, {.bias = weights_.qkv_bias});
  const Rows q = qkv.slice_cols(0, int64_t{num_heads} * head_dim);
  const Rows k = qkv.slice_cols(q.cols, int64_t{num_kv_heads} * head_dim);
  const Rows v = qkv.slice_cols(q.cols + k.cols, k.cols);

  if (!weights_.q_norm.empty()) ops.head_rms_norm(q, head_dim, weights_.q_norm, norm_eps);
  if (!weights_.k_norm.empty()) ops.head_rms_norm(k, head_dim, weights_.k_norm, norm_eps);
  const RopeTable::Angles angles = rope_table_->angles(step.positions);
  ops.rope(q, head_dim, step.positions, angles.cos, angles.sin);
  ops.rope(k, head_dim, step.positions, angles.cos, angles.sin);

  const KvLayer& kv = step.kv_layers[static_cast<size_t>(layer)];
  const std::span<const AttentionSequence> sequences = step.sequences[static_cast<size_t>(kv_group)];
  ops.write_kv(k, v, sequences, kv);
  const Rows attended = step.workspace.attended.first(input.rows);
  const AttentionParams params{
      .num_heads = num_heads, .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)), .window = window};
  step.attention_backend.forward(q, sequences, kv, params, attended);

  const Rows delta = step.workspace.attention_delta(input.rows);
  ops.matmul(attended, *weights_.output, delta, {.bias = weights_.output_bias});
  return step.exchange.group_scatter(delta);
}

}  // namespace braid
