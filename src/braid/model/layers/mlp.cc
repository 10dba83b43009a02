#include "braid/model/layers/mlp.h"

#include "braid/base/check.h"

namespace braid {

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

}  // namespace braid
