#include "braid/parallel/end_of_world.h"

#include <gtest/gtest.h>

#include <array>

namespace braid {
namespace {

OpRecord barrier_for(double seconds) {
  return {.step = 3, .op = 1, .kind = OpKind::kBarrier, .entered_s = EndOfWorld::kNow_s - seconds};
}

TEST(EndOfWorld, ReportsTheFirstReasonAndAllRanks) {
  EndOfWorld end(RankSpread(std::array{1, 2}));
  EXPECT_FALSE(end.has_any());
  end.set_reason(1, "out of pages");
  EXPECT_TRUE(end.has_any());
  EXPECT_FALSE(end.has(0));
  end.set_reason(0, "");
  EXPECT_TRUE(end.has(0) && end.has(1));
  end.set_track(0, {barrier_for(2)});
  end.set_track(2, {barrier_for(1)});
  EXPECT_EQ(end.report(3),
            "out of pages\n"
            "rank 0: in world barrier (step 3, op 1, 0 bytes) for 2.000 s, waits for rank 1\n"
            "rank 1: has called nothing yet\n"
            "rank 2: in world barrier (step 3, op 1, 0 bytes) for 1.000 s, waits for rank 1");
}

TEST(EndOfWorld, NamesProcessesThatDoNotAnswer) {
  EndOfWorld end(RankSpread(std::array{1, 1}));
  end.set_reason(0, "rank 0 waited too long");
  end.set_track(0, {barrier_for(1)});
  EXPECT_EQ(end.report(2),
            "rank 0 waited too long\n"
            "rank 0: in world barrier (step 3, op 1, 0 bytes) for 1.000 s, waits for rank 1\n"
            "rank 1: its process 1 does not answer");
}

}  // namespace
}  // namespace braid
