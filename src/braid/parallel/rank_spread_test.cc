#include "braid/parallel/rank_spread.h"

#include <gtest/gtest.h>

#include <array>

namespace braid {
namespace {

TEST(RankSpread, RanksFollowOneAnotherFromProcessToProcess) {
  const RankSpread spread(std::array{3, 1, 2});
  EXPECT_EQ(spread.num_processes(), 3);
  EXPECT_EQ(spread.num_ranks(), 6);
  std::vector<int32_t> processes;
  for (int32_t rank = 0; rank < 6; ++rank) processes.push_back(spread.process_of(rank));
  EXPECT_EQ(processes, (std::vector<int32_t>{0, 0, 0, 1, 2, 2}));
  EXPECT_EQ(spread.ranks_of(1).begin, 3);
  EXPECT_EQ(spread.ranks_of(1).end, 4);
  EXPECT_TRUE(spread.has_rank(2, 5));
  EXPECT_FALSE(spread.has_rank(1, 5));
  EXPECT_FALSE(spread.has_rank(2, 6));
  EXPECT_FALSE(spread.has_rank(0, -1));
}

}  // namespace
}  // namespace braid
