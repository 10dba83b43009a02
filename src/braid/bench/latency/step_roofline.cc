#include "braid/bench/latency/step_roofline.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace braid {
namespace {

// y[m, n] = x[m, k] · wᵀ of `count` equal matrices; the weights are read once.
StepWork::Operation operation(const WeightProduct& product, double m, double count) {
  return {.bytes = count * product.weight_bytes,
          .flops = count * product.operations * m * product.n * product.k,
          .arithmetic = product.arithmetic};
}

// `window`: of the layer; 0: none.
StepWork::Operation attention(const ModelConfig& config, KvDType kv_dtype, const StepPlan& plan, int32_t window) {
  StepWork::Operation work{.arithmetic = arithmetic_of(kv_dtype.dtype)};
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

StepWork work_of_step(const ModelConfig& config, std::span<const WeightProduct> products, KvDType kv_dtype,
                      const StepPlan& plan, int64_t touched_experts) {
  const auto tokens = static_cast<double>(plan.num_tokens());
  double judged = 0;  // rows whose logits are needed
  for (const SequencePlan& sequence : plan.sequences) {
    judged += static_cast<double>(sequence.scoring.tokens.size()) + (sequence.samples ? 1.0 : 0.0);
  }
  StepWork work;
  if (tokens == 0) return work;
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    const int32_t window = config.layer_windows.empty() ? 0 : config.layer_windows[static_cast<size_t>(layer)];
    work.operations.push_back(attention(config, kv_dtype, plan, window));
  }
  const auto num_moe_layers = static_cast<double>(std::ranges::count(config.is_moe_layer, true));
  for (const WeightProduct& product : products) {
    switch (product.rows) {
      case WeightProduct::Rows::kTokens:
        work.operations.push_back(operation(product, tokens, 1));
        break;
      case WeightProduct::Rows::kExpert: {
        const double experts = static_cast<double>(touched_experts) / num_moe_layers;
        const double rows_an_expert = tokens * config.moe.experts_per_token / std::max(experts, 1.0);
        work.operations.push_back(operation(product, rows_an_expert, experts));
        break;
      }
      case WeightProduct::Rows::kJudged:
        if (judged > 0) work.operations.push_back(operation(product, judged, 1));
        break;
    }
  }
  return work;
}

std::vector<CountedOperation> count_operations(const StepWork& work) {
  std::map<std::tuple<double, double, Arithmetic>, int64_t> counts;
  for (const auto& operation : work.operations) ++counts[{operation.bytes, operation.flops, operation.arithmetic}];
  std::vector<CountedOperation> counted;
  for (const auto& [key, count] : counts) {
    const auto& [bytes, flops, arithmetic] = key;
    counted.push_back({.operation = {.bytes = bytes, .flops = flops, .arithmetic = arithmetic}, .count = count});
  }
  return counted;
}

double roofline_seconds(const StepWork& work, const Roofline& roofline) {
  double seconds = 0;
  for (const auto& operation : work.operations) {
    seconds += roofline.bound_s(operation.bytes, operation.flops, operation.arithmetic);
  }
  return seconds;
}

}  // namespace braid
