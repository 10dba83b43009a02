#include "braid/tensor/rows.h"

#include <gtest/gtest.h>

#include "braid/tensor/buffer.h"

namespace braid {
namespace {

TEST(Rows, SlicesKeepTheStride) {
  RowsBuffer buffer(DType::kFloat32, 4, 6);
  const Rows all = buffer.first(3);
  all.row<float>(2)[4] = 7;
  const ConstRows part = all.slice_rows(1, 2).slice_cols(3, 2);
  EXPECT_EQ(part.rows, 2);
  EXPECT_EQ(part.row<float>(1)[1], 7);
}

}  // namespace
}  // namespace braid
