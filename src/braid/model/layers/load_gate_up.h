// Reads gate and up of gated feed-forward blocks: as one matrix if both are kept in one format, or neither is kept;
// apart otherwise. Tested by gate_up_test.cc.
#pragma once

#include <span>
#include <string>

#include "braid/base/result.h"
#include "braid/model/layers/gate_up.h"
#include "braid/weights/load.h"

namespace braid {

// How all gates and ups are kept that are multiplied together.
struct GateUpUses {
  bool are_joined = true;
  MatrixUse gate = MatrixUse::kExact;  // kExact: they are widened
  MatrixUse up = MatrixUse::kExact;
};

GateUpUses gate_up_uses(const WeightLoader& weights, std::span<const std::string> gates,
                        std::span<const std::string> ups, MatrixUse use);

// Appends one block's gate and up to each of `to`, which has its cut of `cuts`: a range of gate's rows, and one of
// up's.
Status add_gate_up(const WeightLoader& weights, const std::string& gate, const std::string& up,
                   std::span<const MatrixCut> cuts, DType dtype, const GateUpUses& uses,
                   std::span<GateUpWeights* const> to);

}  // namespace braid
