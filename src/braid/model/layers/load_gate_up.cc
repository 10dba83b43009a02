#include "braid/model/layers/load_gate_up.h"

#include <utility>
#include <vector>

namespace braid {

GateUpUses gate_up_uses(const WeightLoader& weights, std::span<const std::string> gates,
                        std::span<const std::string> ups, MatrixUse use) {
  const MatrixCut whole{.rows = {kWhole}};
  const auto use_of = [&](std::span<const std::string> names) {
    return weights.are_kept(names, {&whole, 1}, use) ? use : MatrixUse::kExact;
  };
  std::vector<std::string> all(gates.begin(), gates.end());
  all.insert(all.end(), ups.begin(), ups.end());
  GateUpUses uses = {.gate = use_of(gates), .up = use_of(ups)};
  uses.are_joined = use_of(all) != MatrixUse::kExact || (uses.gate == MatrixUse::kExact && uses.up == uses.gate);
  return uses;
}

Status add_gate_up(const WeightLoader& weights, const std::string& gate, const std::string& up,
                   std::span<const MatrixCut> cuts, DType dtype, const GateUpUses& uses,
                   std::span<GateUpWeights* const> to) {
  if (uses.are_joined) {
    TRY(std::vector<PackedMatrix> packed, weights.gate_ups(gate, up, cuts, dtype, uses.gate));
    for (size_t i = 0; i < to.size(); ++i) to[i]->joined.push_back(std::move(packed[i]));
    return {};
  }
  for (const bool is_up : {false, true}) {
    std::vector<MatrixCut> own(cuts.begin(), cuts.end());
    for (MatrixCut& cut : own) cut.rows = {cut.rows[is_up ? 1 : 0]};
    const std::string& name = is_up ? up : gate;
    TRY(std::vector<PackedMatrix> packed, weights.matrices({&name, 1}, own, dtype, is_up ? uses.up : uses.gate));
    for (size_t i = 0; i < to.size(); ++i) (is_up ? to[i]->ups : to[i]->gates).push_back(std::move(packed[i]));
  }
  return {};
}

}  // namespace braid
