#include "braid/bench/latency/step_roofline.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace braid {
namespace {

// y[m, n] = x[m, k] · wᵀ; the weights are read once.
StepWork::Operation product(double m, double n, double k, DType dtype) {
  return {.bytes = n * k * static_cast<double>(dtype_bytes(dtype)), .flops = 2.0 * m * n * k, .dtype = dtype};
}

// `window`: of the layer; 0: none.
StepWork::Operation attention(const ModelConfig& config, KvDType kv_dtype, const StepPlan& plan, int32_t window) {
  StepWork::Operation work{.dtype = kv_dtype.dtype};
  const double kv_token_bytes =
      2.0 * config.num_kv_heads * static_cast<double>(kv_head_bytes(kv_dtype.dtype, kv_dtype.codes, config.head_dim));
  for (const SequencePlan& sequence : plan.sequences) {
    const auto num_new = static_cast<double>(sequence.new_tokens.size());
    double before = sequence.first_position;
    if (window > 0) before = std::min<double>(before, window - 1);
    work.bytes += (before + num_new) * kv_token_bytes;
    double visible_keys = num_new * before + num_new * (num_new + 1) / 2;
    if (window > 0) {
      // From the first token that sees a whole window on, tokens see no more keys than the one before.
      const double past = std::max(0.0, before + num_new - window);
      visible_keys -= past * (past + 1) / 2;
    }
    work.flops += 4.0 * config.num_heads * config.head_dim * visible_keys;
  }
  return work;
}

}  // namespace

StepWork work_of_step(const ModelConfig& config, DType dtype, KvDType kv_dtype, const StepPlan& plan,
                      int64_t touched_experts) {
  const auto tokens = static_cast<double>(plan.num_tokens());
  double judged = 0;  // rows whose logits are needed
  for (const SequencePlan& sequence : plan.sequences) {
    judged += static_cast<double>(sequence.scoring.tokens.size()) + (sequence.samples ? 1.0 : 0.0);
  }
  const double hidden = config.hidden;
  const double q_size = static_cast<double>(config.num_heads) * config.head_dim;
  const double kv_size = static_cast<double>(config.num_kv_heads) * config.head_dim;
  StepWork work;
  if (tokens == 0) return work;
  const auto num_moe_layers = static_cast<double>(std::ranges::count(config.is_moe_layer, true));
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    work.operations.push_back(product(tokens, q_size + 2 * kv_size, hidden, dtype));
    const int32_t window = config.layer_windows.empty() ? 0 : config.layer_windows[static_cast<size_t>(layer)];
    work.operations.push_back(attention(config, kv_dtype, plan, window));
    work.operations.push_back(product(tokens, hidden, q_size, dtype));
    if (!config.is_moe_layer[static_cast<size_t>(layer)]) {
      work.operations.push_back(product(tokens, 2.0 * config.ffn, hidden, dtype));
      work.operations.push_back(product(tokens, hidden, config.ffn, dtype));
      continue;
    }
    work.operations.push_back(product(tokens, config.moe.num_experts, hidden, DType::kFloat32));
    const double experts = static_cast<double>(touched_experts) / num_moe_layers;
    const double rows_an_expert = tokens * config.moe.experts_per_token / std::max(experts, 1.0);
    for (StepWork::Operation one : {product(rows_an_expert, 2.0 * config.moe.expert_ffn, hidden, dtype),
                                    product(rows_an_expert, hidden, config.moe.expert_ffn, dtype)}) {
      work.operations.push_back({.bytes = experts * one.bytes, .flops = experts * one.flops, .dtype = dtype});
    }
    if (config.moe.shared_ffn > 0) {
      work.operations.push_back(product(tokens, 2.0 * config.moe.shared_ffn, hidden, dtype));
      work.operations.push_back(product(tokens, hidden, config.moe.shared_ffn, dtype));
    }
  }
  if (judged > 0) work.operations.push_back(product(judged, static_cast<double>(config.vocab_size), hidden, dtype));
  return work;
}

std::vector<CountedOperation> count_operations(const StepWork& work) {
  std::map<std::tuple<double, double, DType>, int64_t> counts;
  for (const auto& operation : work.operations) ++counts[{operation.bytes, operation.flops, operation.dtype}];
  std::vector<CountedOperation> counted;
  for (const auto& [key, count] : counts) {
    const auto& [bytes, flops, dtype] = key;
    counted.push_back({.operation = {.bytes = bytes, .flops = flops, .dtype = dtype}, .count = count});
  }
  return counted;
}

double roofline_seconds(const StepWork& work, const Roofline& roofline) {
  double seconds = 0;
  for (const auto& operation : work.operations) {
    seconds += roofline.bound_s(operation.bytes, operation.flops, operation.dtype);
  }
  return seconds;
}

}  // namespace braid
