#include "braid/node/clock_offset.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace braid {
namespace {

TEST(ClockOffset, TheShortestWayDecides) {
  const std::vector<ClockReading> readings{{.asked_s = 10, .answered_s = 11, .other_s = 13},
                                           {.asked_s = 20, .answered_s = 20.25, .other_s = 22.125},
                                           {.asked_s = 30, .answered_s = 32, .other_s = 31}};
  const ClockOffset offset = clock_offset(readings);
  EXPECT_EQ(offset.ahead_s, 2);
  EXPECT_EQ(offset.error_s, 0.125);
}

// Ways of any length, also unequal ones: the true offset is never farther away than the error says.
TEST(ClockOffset, TheErrorIsABound) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> way_s(1e-5, 1e-2);
  for (int round = 0; round < 200; ++round) {
    const double truth_s = std::uniform_real_distribution<double>(-100, 100)(random);
    std::vector<ClockReading> readings;
    for (int i = 0; i < 5; ++i) {
      const double there_s = way_s(random);
      const double asked_s = 1000 + i;
      readings.push_back({.asked_s = asked_s,
                          .answered_s = asked_s + there_s + way_s(random),
                          .other_s = asked_s + there_s + truth_s});
    }
    const ClockOffset offset = clock_offset(readings);
    EXPECT_NEAR(offset.ahead_s, truth_s, offset.error_s + 1e-9);
    EXPECT_LT(offset.error_s, 1e-2);
  }
}

}  // namespace
}  // namespace braid
