// RMSNorm as a layer: its weight, and the row block it writes, which the exchange takes its rows from.
#pragma once

#include <vector>

#include "braid/model/step.h"

namespace braid {

class RmsNorm {
 public:
  RmsNorm(std::vector<float> weight, float eps) : weight_(std::move(weight)), eps_(eps) {}

  // [rows, hidden] in the compute dtype, where the exchange wants the rank's own rows, until the next norm.
  ConstRows operator()(Step& step, ConstRows x) const {
    const Rows normed = step.exchange.own_slot(step.workspace.normed, x.rows);
    step.ops.rms_norm(x, weight_, eps_, normed);
    return normed;
  }

  void operator()(Ops& ops, ConstRows x, Rows y) const { ops.rms_norm(x, weight_, eps_, y); }

 private:
  std::vector<float> weight_;
  float eps_;
};

}  // namespace braid
