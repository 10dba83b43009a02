// The gated feed-forward layer: down(act(gate(x)) * up(x)) (Shazeer, arXiv 2002.05202). Tested by sharded_model_test.cc
// and worker/transformers_test.cc.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/shared_parts.h"
#include "braid/model/step.h"
#include "braid/model/weight_list.h"

namespace braid {

struct MlpWeights {
  SharedMatrix gate_up;             // packed by PackedMatrix::pack_gate_up_rows
  std::vector<float> gate_up_bias;  // in that order; empty: none
  SharedMatrix down;
  std::vector<float> down_bias;  // empty: none, or another rank adds it
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
};

// Joins two biases [ffn] in the packed order of their gate/up matrix, padded to whole panels.
std::vector<float> interleave_gate_up(std::span<const float> gate, std::span<const float> up);

class Mlp {
 public:
  using Tensors = GatedTensors;

  explicit Mlp(MlpWeights weights) : weights_(std::move(weights)) {}

  // x: normed rows of all ranks. Returns this rank's partial sums, [rows, hidden] float32.
  ConstRows operator()(Step& step, ConstRows x) const {
    const Rows hidden = step.workspace.ffn_hidden.first(x.rows).slice_cols(0, weights_.down->k());
    const Rows delta = step.workspace.ffn_delta(x.rows);
    step.ops.matmul(x, *weights_.gate_up, hidden, {.kind = weights_.activation, .bias = weights_.gate_up_bias});
    step.ops.matmul(hidden, *weights_.down, delta, {.bias = weights_.down_bias});
    return delta;
  }

  void list_weights(const GatedTensors& tensors, WeightList& list) const {
    list.add(weight_names(tensors.gate_up), *weights_.gate_up);
    list.add(bias_names(tensors.gate_up), weights_.gate_up_bias);
    list.add(tensors.down.weight.name, *weights_.down);
    list.add(bias_names({&tensors.down, 1}), weights_.down_bias);
  }

 private:
  MlpWeights weights_;
};

}  // namespace braid
