// The embedding from a packed table, which is the same on every device. Tested by model/sharded_model_test.cc.
#include "braid/kernels/ops.h"

namespace braid {

void Ops::embed(std::span<const TokenId> ids, const PackedMatrix& table, Rows y) {
  CHECK(y.rows == static_cast<int64_t>(ids.size()) && y.cols == table.k(), "[{}, {}] for {} ids of {}", y.rows, y.cols,
        ids.size(), table.k());
  parallel_for(y.rows, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) table.read_column(ids[static_cast<size_t>(i)], y.row<float>(i));
  });
}

}  // namespace braid
