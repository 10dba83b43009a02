#include "braid/controller/rate_meter.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(RateMeter, AnEvenStreamHasTheRightRateFromTheStart) {
  RateMeter meter;
  EXPECT_EQ(meter.rate(100), 0);
  for (int i = 0; i <= 1000; ++i) {
    const double now = 100 + 0.02 * i;
    meter.add(now, 2);  // 100 per second
    if (i <= 50) continue;
    EXPECT_NEAR(meter.rate(now), 100, 3) << now;
  }
}

TEST(RateMeter, OldCountsAreForgottenAndSilenceIsZero) {
  RateMeter meter;
  meter.add(10.5, 1000);
  for (int second = 11; second < 20; ++second) meter.add(second + 0.5, 10);
  EXPECT_NEAR(meter.rate(19.9), 10, 2);
  EXPECT_EQ(meter.rate(24.6), 0);
}

TEST(RateMeter, ANewRunDoesNotCountTheSilenceBeforeIt) {
  RateMeter meter;
  meter.add(10, 100);
  meter.add(60, 50);
  meter.add(61, 50);
  EXPECT_NEAR(meter.rate(61), 100, 1);
}

}  // namespace
}  // namespace braid
