// The gated feed-forward layer: down(act(gate(x)) * up(x)) (Shazeer, arXiv 2002.05202). Tested by sharded_model_test.cc
// and worker/transformers_test.cc.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/layers/gate_up.h"
#include "braid/model/shared_parts.h"
#include "braid/model/step.h"
#include "braid/model/weight_list.h"

namespace braid {

struct MlpWeights {
  SharedGateUp gate_up;
  SharedMatrix down;
  std::vector<float> down_bias;  // empty: none, or another rank adds it
  Epilogue::Kind activation = Epilogue::Kind::kSiluMul;
};

class Mlp {
 public:
  using Tensors = GatedTensors;

  explicit Mlp(MlpWeights weights) : weights_(std::move(weights)) {}

  // x: normed rows of all ranks. Returns this rank's partial sums, [rows, hidden] float32.
  ConstRows operator()(Step& step, ConstRows x) const {
    const Rows hidden = step.workspace.ffn_hidden.first(x.rows).slice_cols(0, weights_.down->k());
    const Rows delta = step.workspace.ffn_delta(x.rows);
    multiply_gate_up(step, x, *weights_.gate_up, weights_.activation, hidden);
    step.ops.matmul(hidden, *weights_.down, delta, {.bias = weights_.down_bias});
    return delta;
  }

  void list_weights(const GatedTensors& tensors, WeightList& list) const {
    weights_.gate_up->list_weights(
        0, tensors, [](const std::string& name) { return name; }, list);
    list.add(tensors.down.weight.name, *weights_.down);
    list.add(bias_names({&tensors.down, 1}), weights_.down_bias);
  }

 private:
  MlpWeights weights_;
};

}  // namespace braid
