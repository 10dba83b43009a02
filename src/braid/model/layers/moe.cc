#include "braid/model/layers/moe.h"

#include <cmath>
#include <numeric>
#include <utility>

#include "braid/model/layers/sigmoid_router.h"

namespace braid {

SortedChoices sort_by_expert(std::span<const int32_t> experts, int32_t top_k, int32_t first_expert,
                             int32_t num_experts) {
  const auto is_here = [&](int32_t expert) { return expert >= first_expert && expert - first_expert < num_experts; };
  SortedChoices sorted{.offsets = std::vector<int32_t>(static_cast<size_t>(num_experts) + 1),
                       .sources = {},
                       .rows = std::vector<int32_t>(experts.size(), -1)};
  for (const int32_t expert : experts) {
    if (is_here(expert)) ++sorted.offsets[static_cast<size_t>(expert - first_expert) + 1];
  }
  std::partial_sum(sorted.offsets.begin(), sorted.offsets.end(), sorted.offsets.begin());
  sorted.sources.resize(static_cast<size_t>(sorted.offsets.back()));
  std::vector<int32_t> next(sorted.offsets.begin(), sorted.offsets.end() - 1);
  for (size_t choice = 0; choice < experts.size(); ++choice) {
    if (!is_here(experts[choice])) continue;
    const int32_t row = next[static_cast<size_t>(experts[choice] - first_expert)]++;
    sorted.rows[choice] = row;
    sorted.sources[static_cast<size_t>(row)] = static_cast<int32_t>(choice) / top_k;
  }
  return sorted;
}

ConstRows Moe::operator()(Step& step, ConstRows x) const {
  Ops& ops = step.ops;
  Workspace& workspace = step.workspace;
  const int32_t top_k = config_.experts_per_token;

  // The router computes in float32, so that near ties are decided alike in every dtype.
  const Rows router_input = workspace.router_input.first(x.rows);
  const Rows logits = workspace.router_logits.first(x.rows);
  ops.convert(x, router_input);
  ops.matmul(router_input, *weights_.router, logits, {.bias = weights_.router_bias});
  std::vector<int32_t> experts(static_cast<size_t>(x.rows * top_k));
  std::vector<float> weights(experts.size());
  route(step, logits, {.experts = experts, .weights = weights});

  const ExpertWeights& own = *weights_.experts;
  const SortedChoices sorted =
      sort_by_expert(experts, top_k, weights_.first_expert, static_cast<int32_t>(own.down.size()));
  for (size_t e = 0; e + 1 < sorted.offsets.size(); ++e) {
    if (sorted.offsets[e + 1] > sorted.offsets[e]) ++workspace.touched_experts;
  }
  const auto routed_rows = static_cast<int64_t>(sorted.sources.size());
  const Rows hidden = workspace.expert_hidden.first(routed_rows);
  const Rows outputs = workspace.expert_outputs.first(routed_rows);
  multiply_gate_up(step, x, {.offsets = sorted.offsets, .sources = sorted.sources}, own.gate_up, weights_.activation,
                   hidden);
  ops.grouped_matmul(hidden, {.offsets = sorted.offsets}, own.down, outputs, {.expert_biases = own.down_biases});

  Choices choices{.per_token = top_k, .rows = sorted.rows, .weights = std::move(weights)};
  const bool has_shared = weights_.shared.gate_up != nullptr;
  if (has_shared) add_shared(step, x, routed_rows, choices);
  const Rows delta = workspace.ffn_delta(x.rows);
  ops.combine(workspace.expert_outputs.first(routed_rows + (has_shared ? x.rows : 0)), choices.rows, choices.weights,
              choices.per_token, delta);
  return delta;
}

void Moe::route(Step& step, ConstRows logits, const Routing& routing) const {
  if (config_.router == MoeRouter::kSigmoid) {
    route_by_sigmoid(step.ops, config_, logits, weights_.router_correction, routing);
  } else {
    step.ops.route(logits, config_.experts_per_token, config_.normalize_top_k, routing);
  }
}

void Moe::add_shared(Step& step, ConstRows x, int64_t routed_rows, Choices& choices) const {
  Workspace& workspace = step.workspace;
  const Rows gates = workspace.shared_gates.first(x.rows);
  const Rows hidden = workspace.shared_hidden.first(x.rows);
  const Rows outputs = workspace.expert_outputs.first(routed_rows + x.rows).slice_rows(routed_rows, x.rows);
  const bool has_gate = weights_.shared.gate != nullptr;
  if (has_gate) step.ops.matmul(workspace.router_input.first(x.rows), *weights_.shared.gate, gates);
  multiply_gate_up(step, x, *weights_.shared.gate_up, weights_.activation, hidden);
  step.ops.matmul(hidden, *weights_.shared.down, outputs);

  const auto routed = static_cast<size_t>(choices.per_token);
  Choices all{.per_token = choices.per_token + 1, .rows = {}, .weights = {}};
  for (size_t token = 0; token < static_cast<size_t>(x.rows); ++token) {
    const auto begin = static_cast<ptrdiff_t>(token * routed);
    const auto end = static_cast<ptrdiff_t>((token + 1) * routed);
    all.rows.insert(all.rows.end(), choices.rows.begin() + begin, choices.rows.begin() + end);
    all.weights.insert(all.weights.end(), choices.weights.begin() + begin, choices.weights.begin() + end);
    all.rows.push_back(static_cast<int32_t>(routed_rows + static_cast<int64_t>(token)));
    const float* const gate = gates.row<float>(static_cast<int64_t>(token));
    all.weights.push_back(has_gate ? 1.0F / (1.0F + std::exp(-gate[0])) : 1.0F);
  }
  choices = std::move(all);
}

void Moe::list_weights(const MoeTensors& tensors, WeightList& list) const {
  list.add(tensors.router.weight.name, *weights_.router);
  list.add(bias_names({&tensors.router, 1}), weights_.router_bias);
  if (tensors.router_correction) list.add(tensors.router_correction->name, weights_.router_correction);
  const ExpertWeights& experts = *weights_.experts;
  for (size_t i = 0; i < experts.down.size(); ++i) {
    const int64_t expert = weights_.first_expert + static_cast<int64_t>(i);
    const auto named = [expert](const std::string& names) { return expert_name(names, expert); };
    experts.gate_up.list_weights(i, tensors.experts, named, list);
    list.add(named(tensors.experts.down.weight.name), experts.down[i]);
    if (i < experts.down_biases.size()) {
      list.add(named(bias_names({&tensors.experts.down, 1})), experts.down_biases[i]);
    }
  }
  if (!tensors.shared) return;
  if (tensors.shared_gate) list.add(tensors.shared_gate->name, *weights_.shared.gate);
  weights_.shared.gate_up->list_weights(
      0, *tensors.shared, [](const std::string& name) { return name; }, list);
  list.add(tensors.shared->down.weight.name, *weights_.shared.down);
}

}  // namespace braid
