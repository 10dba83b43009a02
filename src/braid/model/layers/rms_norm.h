// RMSNorm as a layer: its weight and the rows it writes. Before a block these are the exchange's, which reads them
// there.
#pragma once

#include <vector>

#include "braid/model/step.h"
#include "braid/model/weight_list.h"

namespace braid {

class RmsNorm {
 public:
  RmsNorm(std::vector<float> weight, float eps) : weight_(std::move(weight)), eps_(eps) {}

  // Returns [rows, hidden] in the compute dtype, in the exchange's slot for the rank's own rows; valid until the next
  // norm.
  ConstRows operator()(Step& step, ConstRows x) const {
    const Rows normed = step.exchange.own_slot(step.workspace.normed, x.rows);
    step.ops.rms_norm(x, weight_, eps_, normed);
    return normed;
  }

  // For a block's output before it is added: returns [rows, hidden] float32, valid until the next block's.
  ConstRows after_block(Step& step, ConstRows delta) const {
    const Rows normed = step.workspace.normed_delta.first(delta.rows);
    step.ops.rms_norm(delta, weight_, eps_, normed);
    return normed;
  }

  void operator()(Ops& ops, ConstRows x, Rows y) const { ops.rms_norm(x, weight_, eps_, y); }

  void list_weights(const WeightSpec& tensor, WeightList& list) const { list.add(tensor.name, weight_); }

 private:
  std::vector<float> weight_;
  float eps_;
};

// The input of a block without a norm before it: x in the compute dtype, in the exchange's slot.
inline ConstRows without_norm(Step& step, ConstRows x) {
  const Rows input = step.exchange.own_slot(step.workspace.normed, x.rows);
  step.ops.convert(x, input);
  return input;
}

}  // namespace braid
