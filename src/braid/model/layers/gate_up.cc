#include "braid/model/layers/gate_up.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {
namespace {

// Calls work(first row, gate sums, up sums) for slices of `rows` rows, so that sums of a few megabytes serve any step.
void in_slices(const Workspace& workspace, int64_t rows, int64_t ffn,
               FunctionRef<void(int64_t first, Rows gates, Rows ups)> work) {
  for (int64_t first = 0; first < rows; first += Workspace::kGateUpRows) {
    const int64_t count = std::min(Workspace::kGateUpRows, rows - first);
    const Rows both = workspace.gate_up_sums.first(2 * count).slice_cols(0, ffn);
    work(first, both.slice_rows(0, count), both.slice_rows(count, count));
  }
}

std::span<const float> only(const std::vector<std::vector<float>>& biases) {
  return biases.empty() ? std::span<const float>() : std::span<const float>(biases.front());
}

}  // namespace

std::vector<float> interleave_gate_up(std::span<const float> gate, std::span<const float> up) {
  CHECK(gate.size() == up.size());
  constexpr size_t kTile = PackedMatrix::kTileCols;
  constexpr size_t kPanel = PackedMatrix::kPanelCols;
  std::vector<float> packed((2 * gate.size() + kPanel - 1) / kPanel * kPanel);
  for (size_t i = 0; i < gate.size(); ++i) {
    const size_t column = i / kTile * kPanel + i % kTile;
    packed[column] = gate[i];
    packed[column + kTile] = up[i];
  }
  return packed;
}

void GateUpWeights::add_biases(std::span<const float> gate, std::span<const float> up) {
  if (are_joined()) {
    joined_biases.push_back(interleave_gate_up(gate, up));
    return;
  }
  gate_biases.emplace_back(gate.begin(), gate.end());
  up_biases.emplace_back(up.begin(), up.end());
}

void GateUpWeights::list_weights(size_t index, const GatedTensors& tensors,
                                 FunctionRef<std::string(const std::string&)> named, WeightList& list) const {
  const auto add = [&](std::span<const LinearTensors> of, const std::vector<PackedMatrix>& matrices,
                       const std::vector<std::vector<float>>& biases) {
    list.add(named(weight_names(of)), matrices[index]);
    if (!biases.empty()) list.add(named(bias_names(of)), biases[index]);
  };
  if (are_joined()) return add(tensors.gate_up, joined, joined_biases);
  add({&tensors.gate_up.front(), 1}, gates, gate_biases);
  add({&tensors.gate_up.back(), 1}, ups, up_biases);
}

void multiply_gate_up(Step& step, ConstRows x, const GateUpWeights& weights, Epilogue::Kind activation, Rows hidden) {
  if (weights.are_joined()) {
    step.ops.matmul(x, weights.joined.front(), hidden, {.kind = activation, .bias = only(weights.joined_biases)});
    return;
  }
  in_slices(step.workspace, x.rows, hidden.cols, [&](int64_t first, Rows gates, Rows ups) {
    const ConstRows own = x.slice_rows(first, gates.rows);
    step.ops.matmul(own, weights.gates.front(), gates, {.bias = only(weights.gate_biases)});
    step.ops.matmul(own, weights.ups.front(), ups, {.bias = only(weights.up_biases)});
    step.ops.gated(activation, gates, ups, hidden.slice_rows(first, gates.rows));
  });
}

void multiply_gate_up(Step& step, ConstRows x, const ExpertRows& expert_rows, const GateUpWeights& weights,
                      Epilogue::Kind activation, Rows hidden) {
  if (weights.are_joined()) {
    step.ops.grouped_matmul(x, expert_rows, weights.joined, hidden,
                            {.kind = activation, .expert_biases = weights.joined_biases});
    return;
  }
  in_slices(step.workspace, hidden.rows, hidden.cols, [&](int64_t first, Rows gates, Rows ups) {
    const auto count = static_cast<int32_t>(gates.rows);
    std::vector<int32_t> offsets;
    for (const int32_t offset : expert_rows.offsets) {
      offsets.push_back(std::clamp(offset - static_cast<int32_t>(first), 0, count));
    }
    const ExpertRows own = {
        .offsets = offsets,
        .sources = expert_rows.sources.subspan(static_cast<size_t>(first), static_cast<size_t>(count))};
    step.ops.grouped_matmul(x, own, weights.gates, gates, {.expert_biases = weights.gate_biases});
    step.ops.grouped_matmul(x, own, weights.ups, ups, {.expert_biases = weights.up_biases});
    step.ops.gated(activation, gates, ups, hidden.slice_rows(first, count));
  });
}

}  // namespace braid
