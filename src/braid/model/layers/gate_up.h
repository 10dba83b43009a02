// The first half of gated feed-forward blocks (Shazeer, arXiv 2002.05202): act(gate(x)) * up(x). Gate and up are one
// product, or two where a checkpoint stores them in different types. Both ways have the same bits, unless a type is
// widened in one of them. Tested by gate_up_test.cc.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "braid/base/function_ref.h"
#include "braid/kernels/ops.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/step.h"
#include "braid/model/weight_list.h"

namespace braid {

// Of one block, or of several experts of one shape: either `joined` has a matrix for each, or `gates` and `ups` have.
struct GateUpWeights {
  std::vector<PackedMatrix> joined;  // packed by PackedMatrix::pack_gate_up_rows
  std::vector<PackedMatrix> gates;
  std::vector<PackedMatrix> ups;
  // One for each matrix, in its packed order; empty: none.
  std::vector<std::vector<float>> joined_biases;
  std::vector<std::vector<float>> gate_biases;
  std::vector<std::vector<float>> up_biases;

  bool are_joined() const { return !joined.empty(); }
  // Adds a block's biases, whose matrices are there already.
  void add_biases(std::span<const float> gate, std::span<const float> up);
  // Lists block `index` under the names that `named` makes of those in `tensors`.
  void list_weights(size_t index, const GatedTensors& tensors, FunctionRef<std::string(const std::string&)> named,
                    WeightList& list) const;
};

using SharedGateUp = std::shared_ptr<const GateUpWeights>;

// Joins two biases [ffn] in the packed order of their joined matrix, padded to whole panels.
std::vector<float> interleave_gate_up(std::span<const float> gate, std::span<const float> up);

// hidden = act(gate(x)) * up(x) of the only block, in the compute dtype.
void multiply_gate_up(Step& step, ConstRows x, const GateUpWeights& weights, Epilogue::Kind activation, Rows hidden);

// The same for experts: `hidden` has the rows in sorted order, picked by expert_rows.sources.
void multiply_gate_up(Step& step, ConstRows x, const ExpertRows& expert_rows, const GateUpWeights& weights,
                      Epilogue::Kind activation, Rows hidden);

}  // namespace braid
