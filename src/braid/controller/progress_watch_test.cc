#include "braid/controller/progress_watch.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

constexpr double kTimeoutS = 8;  // looked at once a second

TEST(ProgressWatch, AWorldWithWorkThatDoesNotGetOnIsStuckAfterTheTimeout) {
  ProgressWatch watch(2, kTimeoutS);
  for (int second = 100; second < 108; ++second) {
    EXPECT_FALSE(watch.is_stuck(0, true, {}, second));
    EXPECT_FALSE(watch.is_stuck(1, true, {.num_operations = static_cast<uint64_t>(second)}, second));
  }
  EXPECT_TRUE(watch.is_stuck(0, true, {}, 108));
  EXPECT_FALSE(watch.is_stuck(1, true, {.num_operations = 108}, 108)) << "it gets on";
}

TEST(ProgressWatch, AWorldWithoutWorkIsNeverStuckAndBeginsAnew) {
  ProgressWatch watch(1, kTimeoutS);
  for (int second = 0; second < 100; ++second) EXPECT_FALSE(watch.is_stuck(0, false, {}, second));
  for (int second = 100; second < 108; ++second) EXPECT_FALSE(watch.is_stuck(0, true, {}, second));
  EXPECT_TRUE(watch.is_stuck(0, true, {}, 108));
}

TEST(ProgressWatch, TimeInWhichNobodyLooksDoesNotCount) {
  ProgressWatch watch(1, kTimeoutS);
  EXPECT_FALSE(watch.is_stuck(0, true, {}, 0));
  EXPECT_FALSE(watch.is_stuck(0, true, {}, 600)) << "the process was stopped";
  EXPECT_FALSE(watch.is_stuck(0, true, {}, 605));
  EXPECT_FALSE(watch.is_stuck(0, true, {}, 607));
  EXPECT_TRUE(watch.is_stuck(0, true, {}, 609));
}

}  // namespace
}  // namespace braid
