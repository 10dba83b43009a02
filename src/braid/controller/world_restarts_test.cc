#include "braid/controller/world_restarts.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(WorldRestarts, AWorldStartsAgainAfterADelayThatDoubles) {
  WorldRestarts worlds(1, 3);
  for (const double delay_s : {0.1, 0.2, 0.4}) {
    EXPECT_TRUE(worlds.fail(0, "rank 1 is late", 100, 5000));
    EXPECT_EQ(worlds.status(0), (WorldStatus{.state = WorldStatus::State::kRestarts,
                                             .num_restarts = worlds.status(0).num_restarts,
                                             .last_error = "rank 1 is late",
                                             .last_error_unix_s = 5000}));
    EXPECT_EQ(worlds.next_due_s(), 100 + delay_s);
    EXPECT_FALSE(worlds.take_due(100 + delay_s - 0.01).has_value());
    EXPECT_EQ(worlds.take_due(100 + delay_s), 0);
    EXPECT_FALSE(worlds.take_due(200).has_value()) << "it is starting";
    EXPECT_FALSE(worlds.runs(0));
    EXPECT_EQ(worlds.succeed(0, 101), 1);
    EXPECT_TRUE(worlds.runs(0));
  }
  EXPECT_EQ(worlds.status(0).num_restarts, 3U);
  EXPECT_FALSE(worlds.fail(0, "rank 1 is late", 102, 5001));
  EXPECT_TRUE(worlds.is_lost(0));
  EXPECT_EQ(worlds.num_lost(), 1);
  EXPECT_FALSE(worlds.next_due_s().has_value());
}

TEST(WorldRestarts, AWorldThatWasEndedOnPurposeStartsAtOnceAndAsOftenAsThat) {
  WorldRestarts worlds(1, 1);
  EXPECT_TRUE(worlds.fail(0, "rank 1 is late", 100, 5000));
  EXPECT_EQ(worlds.take_due(101), 0);
  worlds.succeed(0, 102);
  for (const double now_s : {103.0, 104.0, 105.0}) {
    worlds.end_on_purpose(0, "node 1 is back", now_s);
    EXPECT_EQ(worlds.status(0).state, WorldStatus::State::kRestarts);
    EXPECT_EQ(worlds.status(0).planned_end, "node 1 is back");
    EXPECT_EQ(worlds.status(0).last_error, "rank 1 is late") << "this is none";
    EXPECT_EQ(worlds.take_due(now_s), 0);
    EXPECT_EQ(worlds.succeed(0, now_s + 0.5), 0.5);
    EXPECT_EQ(worlds.status(0).planned_end, "");
  }
  EXPECT_EQ(worlds.status(0).num_restarts, 4U);
  EXPECT_FALSE(worlds.fail(0, "rank 1 is late", 106, 5001)) << "one failure was allowed";
}

TEST(WorldRestarts, OnlyRestartsOfTheLastTenMinutesCount) {
  WorldRestarts worlds(1, 1);
  for (const double now_s : {0.0, 601.0, 1202.0}) {
    EXPECT_TRUE(worlds.fail(0, "", now_s, 0));
    EXPECT_EQ(worlds.next_due_s(), now_s + 0.1);
    EXPECT_EQ(worlds.take_due(now_s + 1), 0);
    worlds.succeed(0, now_s + 1);
  }
  EXPECT_FALSE(worlds.fail(0, "", 1300, 0));
}

TEST(WorldRestarts, ACalmTimeEndsTheDoublingWhichHasALimit) {
  WorldRestarts worlds(1, 100);
  double now_s = 0;
  const auto fail_after = [&](double calm_s) {
    now_s += calm_s;
    EXPECT_TRUE(worlds.fail(0, "", now_s, 0));
    const double delay_s = worlds.next_due_s().value() - now_s;
    now_s += delay_s;
    EXPECT_EQ(worlds.take_due(now_s), 0);
    worlds.succeed(0, now_s);
    return delay_s;
  };
  EXPECT_NEAR(fail_after(WorldRestarts::kCalmS), 0.1, 1e-9);
  EXPECT_NEAR(fail_after(1), 0.2, 1e-9);
  EXPECT_NEAR(fail_after(1), 0.4, 1e-9);
  EXPECT_NEAR(fail_after(WorldRestarts::kCalmS), 0.1, 1e-9);
  for (int i = 0; i < 10; ++i) fail_after(1);
  EXPECT_NEAR(fail_after(1), WorldRestarts::kMaxDelayS, 1e-9);
}

TEST(WorldRestarts, AStartThatFailsCountsAndThePauseGoesOn) {
  WorldRestarts worlds(2, 2);
  EXPECT_TRUE(worlds.fail(1, "rank 0 is late", 10, 0));
  EXPECT_EQ(worlds.take_due(11), 1);
  EXPECT_TRUE(worlds.fail(1, "no memory", 11, 0));
  EXPECT_EQ(worlds.status(1).last_error, "no memory");
  EXPECT_EQ(worlds.take_due(12), 1);
  EXPECT_EQ(worlds.succeed(1, 12), 2);
  EXPECT_TRUE(worlds.runs(0));
  EXPECT_EQ(worlds.status(1).num_restarts, 1U);
}

TEST(WorldRestarts, WithoutRestartsTheFirstFailureIsTheLast) {
  WorldRestarts worlds(2, 0);
  EXPECT_FALSE(worlds.fail(1, "rank 0 is late", 10, 7));
  EXPECT_TRUE(worlds.is_lost(1));
  EXPECT_FALSE(worlds.is_lost(0));
}

TEST(WorldRestarts, AWorldThatIsGivenUpDoesNotStart) {
  WorldRestarts worlds(1, 3);
  EXPECT_TRUE(worlds.fail(0, "rank 0 is late", 10, 7));
  worlds.give_up(0, "rank 0 is stuck", 8);
  EXPECT_FALSE(worlds.take_due(20).has_value());
  EXPECT_EQ(worlds.status(0).last_error, "rank 0 is stuck");
}

}  // namespace
}  // namespace braid
