#include "braid/model/layers/rope_table.h"

#include <gtest/gtest.h>

#include <cmath>

namespace braid {
namespace {

constexpr int32_t kHeadDim = 16;
constexpr int64_t kPositions = 5000;

// A table that is reached bit by bit, in any order, has the rows of one that is computed at once.
TEST(RopeTable, RowsAreTheSameWheneverTheirPositionIsReached) {
  const RopeConfig config{.theta = 10000.0};
  const std::vector<float> frequencies = rope_frequencies(config, kHeadDim);
  const RopeTable table(config, kHeadDim, kPositions);
  for (const std::vector<int32_t>& positions :
       {std::vector<int32_t>{0}, {3, 1}, {1023, 1024}, {7}, {4999, 2}, {2048, 3000}}) {
    const RopeTable::Angles angles = table.angles(positions);
    ASSERT_EQ(angles.cos.rows, kPositions);
    for (const int32_t position : positions) {
      for (size_t i = 0; i < frequencies.size(); ++i) {
        const float angle = static_cast<float>(position) * frequencies[i];
        EXPECT_EQ(angles.cos.row<float>(position)[i], std::cos(angle)) << position;
        EXPECT_EQ(angles.sin.row<float>(position)[i], std::sin(angle)) << position;
      }
    }
  }
}

}  // namespace
}  // namespace braid
