#include "braid/bench/serving/token_gaps.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid::serving {
namespace {

TEST(TokenGaps, WaitsThatOverlapAreOneWait) {
  const std::vector<RequestTimes> decoding = {{.pieces_s = {1, 2, 3, 4, 5, 6}}};
  const std::vector<RequestTimes> waiting = {{.start_s = 2.5, .end_s = 9, .pieces_s = {4.5}},
                                             {.start_s = 2.1, .end_s = 9, .pieces_s = {2.2}},
                                             {.start_s = 3.5, .end_s = 9, .pieces_s = {3.6}}};
  const TokenGaps gaps = token_gaps(decoding, waiting);
  EXPECT_EQ(gaps.steady_s.size(), 2U);     // 1-2, 5-6
  EXPECT_EQ(gaps.disturbed_s.size(), 3U);  // all gaps that a wait falls into
  EXPECT_EQ(gaps.all().size(), 5U);
}

}  // namespace
}  // namespace braid::serving
