#include "braid/model/layers/attention.h"

#include <array>
#include <cmath>

namespace braid {
namespace {

// The same order of sums wherever the row is: 16 lanes side by side, then one lane after another.
float sum_of_squares(const float* x, int64_t n) {
  constexpr int64_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) lanes[static_cast<size_t>(lane)] += x[i + lane] * x[i + lane];
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

void scale_row(float* x, int64_t n, float factor, const std::vector<float>& weight) {
  for (int64_t i = 0; i < n; ++i) x[i] = x[i] * factor * weight[static_cast<size_t>(i)];
}

}  // namespace

ConstRows Attention::operator()(Step& step, ConstRows x) const {
  Ops& ops = step.ops;
  const int32_t head_dim = shape_.head_dim;
  const ConstRows input = step.exchange.group_gather(x);

  const Rows qkv = step.workspace.qkv.first(input.rows);
  weights_.qkv->multiply(ops, input, qkv, weights_.qkv_bias);
  const Rows q = qkv.slice_cols(0, int64_t{shape_.num_heads} * head_dim);
  const Rows k = qkv.slice_cols(q.cols, int64_t{shape_.num_kv_heads} * head_dim);
  const Rows v = qkv.slice_cols(q.cols + k.cols, k.cols);

  normalize(step, q, k);
  if (rope_table_ != nullptr) {
    const Rows qk = qkv.slice_cols(0, q.cols + k.cols);
    rope_table_->rotate(ops, qk, head_dim,
                        {.positions = step.positions,
                         .uses_long_rope = step.uses_long_rope,
                         .rows = step.grid_rows,
                         .cols = step.grid_cols});
  }

  KvLayer kv = step.kv_layers[static_cast<size_t>(shape_.layer)];
  if (!weights_.key_scale.empty()) {
    kv.key_scale = weights_.key_scale[0];
    kv.value_scale = weights_.value_scale[0];
  }
  const std::span<const AttentionSequence> sequences = step.sequences[static_cast<size_t>(shape_.kv_group)];
  ops.write_kv(k, v, sequences, kv);
  const Rows attended = step.workspace.attended_of(q);
  const AttentionParams params{.num_heads = shape_.num_heads,
                               .scale = shape_.scale,
                               .window = shape_.window,
                               .soft_cap = shape_.soft_cap,
                               .sinks = weights_.sinks};
  step.attention_backend.forward(q, sequences, kv, params, attended);

  const Rows delta = step.workspace.attention_delta(input.rows);
  ops.matmul(attended, *weights_.output, delta, {.bias = weights_.output_bias});
  return step.exchange.group_scatter(delta);
}

// A norm over all heads needs the squares of the other ranks' heads too.
void Attention::normalize(Step& step, Rows q, Rows k) const {
  if (weights_.norm == QkNorm::kNone) return;
  if (weights_.norm == QkNorm::kHead) {
    step.ops.head_rms_norm(q, shape_.head_dim, weights_.q_norm, shape_.norm_eps);
    step.ops.head_rms_norm(k, shape_.head_dim, weights_.k_norm, shape_.norm_eps);
    return;
  }
  const Rows squares = step.workspace.qk_squares.first(q.rows);
  step.ops.parallel_for(q.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      squares.row<float>(row)[0] = sum_of_squares(q.row<float>(row), q.cols);
      squares.row<float>(row)[1] = shape_.counts_kv_heads ? sum_of_squares(k.row<float>(row), k.cols) : 0.0F;
    }
  });
  step.exchange.group_sum(squares);
  const auto all_q = static_cast<float>(int64_t{shape_.num_all_heads} * shape_.head_dim);
  const auto all_k = static_cast<float>(int64_t{shape_.num_all_kv_heads} * shape_.head_dim);
  step.ops.parallel_for(q.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* sums = squares.row<float>(row);
      scale_row(q.row<float>(row), q.cols, 1.0F / std::sqrt(sums[0] / all_q + shape_.norm_eps), weights_.q_norm);
      scale_row(k.row<float>(row), k.cols, 1.0F / std::sqrt(sums[1] / all_k + shape_.norm_eps), weights_.k_norm);
    }
  });
}

void Attention::list_weights(const AttentionTensors& tensors, WeightList& list) const {
  weights_.qkv->list_weights(weight_names(tensors.qkv), list);
  list.add(bias_names(tensors.qkv), weights_.qkv_bias);
  list.add(tensors.output.weight.name, *weights_.output);
  list.add(bias_names({&tensors.output, 1}), weights_.output_bias);
  if (tensors.q_norm) list.add(tensors.q_norm->name, weights_.q_norm);
  if (tensors.k_norm) list.add(tensors.k_norm->name, weights_.k_norm);
  if (tensors.sinks) list.add(tensors.sinks->name, weights_.sinks);
  if (tensors.key_scale) list.add(tensors.key_scale->name, weights_.key_scale);
  if (tensors.value_scale) list.add(tensors.value_scale->name, weights_.value_scale);
}

}  // namespace braid
