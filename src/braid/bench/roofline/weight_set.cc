#include "braid/bench/roofline/weight_set.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "braid/base/index_range.h"

namespace braid {

namespace {

bool is_prime(int64_t value) {
  for (int64_t factor = 2; factor * factor <= value; ++factor) {
    if (value % factor == 0) return false;
  }
  return true;
}

}  // namespace

RowsBuffer random_rows(DType dtype, int64_t rows, int64_t cols, float scale, uint64_t seed) {
  RowsBuffer buffer(dtype, rows, cols);
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      if (dtype == DType::kFloat32) {
        buffer.first(rows).row<float>(row)[col] = normal(random);
      } else {
        buffer.first(rows).row<BFloat16>(row)[col] = to_bfloat16(normal(random));
      }
    }
  }
  return buffer;
}

template <typename Make, typename Pack>
void WeightSet::fill(ThreadTeam& team, int64_t n, int64_t bytes, const Make& make, const Pack& pack) {
  BufferArena arena;
  matrices_.push_back(make(arena));
  int64_t count = std::max<int64_t>(1, bytes / std::max<int64_t>(1, matrices_.front().bytes()));
  while (!is_prime(count)) --count;
  while (static_cast<int64_t>(matrices_.size()) < count) matrices_.push_back(make(arena));
  for (PackedMatrix& matrix : matrices_) {
    team.run([&](int thread) {
      const IndexRange part = split_evenly(n, thread, team.size(), PackedMatrix::kPanelCols);
      for (int64_t first = part.begin; first < part.end; first += PackedMatrix::kPanelCols) {
        pack(matrix, first, std::min(PackedMatrix::kPanelCols, part.end - first));
      }
    });
  }
}

WeightSet::WeightSet(ThreadTeam& team, DType dtype, int64_t n, int64_t k, int64_t bytes) {
  const float scale = 1.0F / std::sqrt(static_cast<float>(k));
  const RowsBuffer panel = random_rows(dtype, PackedMatrix::kPanelCols, k, scale, 1);
  fill(
      team, n, bytes, [&](BufferArena& arena) { return PackedMatrix(dtype, n, k, arena); },
      [&](PackedMatrix& matrix, int64_t first, int64_t count) { matrix.pack_rows(panel.first(count), first); });
}

WeightSet::WeightSet(ThreadTeam& team, const QuantizedRows& panel, ActivationBits activations, DType dtype, int64_t n,
                     int64_t bytes) {
  CHECK(panel.rows == PackedMatrix::kPanelCols && n % PackedMatrix::kPanelCols == 0, "{} columns of panels of {}", n,
        panel.rows);
  fill(
      team, n, bytes,
      [&](BufferArena& arena) { return PackedMatrix(panel.format, activations, dtype, n, panel.cols, arena); },
      [&](PackedMatrix& matrix, int64_t first, int64_t) { matrix.pack_rows(panel, first); });
}

const PackedMatrix& WeightSet::next() {
  next_ = (next_ + 1) % matrices_.size();
  return matrices_[next_];
}

}  // namespace braid
