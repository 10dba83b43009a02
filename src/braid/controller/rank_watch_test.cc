#include "braid/controller/rank_watch.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

// Ranks that do `even_work_s` in each step.
class SteppingRanks {
 public:
  explicit SteppingRanks(std::vector<int32_t> worlds) {
    for (const int32_t world : worlds) ranks_.push_back({.rank = static_cast<int32_t>(ranks_.size()), .world = world});
  }
  void step(uint64_t num_steps, const std::vector<double>& even_work_s) {
    for (size_t i = 0; i < ranks_.size(); ++i) {
      ranks_[i].counts.num_steps += num_steps;
      ranks_[i].counts.even_work_s += static_cast<double>(num_steps) * even_work_s[i];
    }
  }
  std::span<RankStatus> get() { return ranks_; }

 private:
  std::vector<RankStatus> ranks_;
};

TEST(RankWatch, ARankOfHalfSpeedIsNamedOnceAndWhenItIsFastAgain) {
  SteppingRanks ranks({0, 0, 0, 0});
  RankWatch watch(5);
  EXPECT_TRUE(watch.look(ranks.get(), 0).empty());
  ranks.step(100, {0.01, 0.01, 0.02, 0.011});
  EXPECT_TRUE(watch.look(ranks.get(), 4.9).empty()) << "the window has not passed";
  auto changes = watch.look(ranks.get(), 5);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].rank, 2);
  EXPECT_NEAR(changes[0].times_slower, 2, 1e-9);
  EXPECT_TRUE(changes[0].is_slow);
  EXPECT_NEAR(watch.times_slower(2), 2, 1e-9);
  EXPECT_NEAR(watch.times_slower(0), 0.01 / 0.011, 1e-9) << "the lower one of the others' middle would be 0.01";

  ranks.step(100, {0.01, 0.01, 0.02, 0.011});
  EXPECT_TRUE(watch.look(ranks.get(), 10).empty());
  ranks.step(100, {0.01, 0.01, 0.012, 0.011});
  changes = watch.look(ranks.get(), 15);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].rank, 2);
  EXPECT_FALSE(changes[0].is_slow);
}

TEST(RankWatch, ARankIsComparedWithThoseOfItsWorld) {
  SteppingRanks ranks({0, 0, 1, 1, 2});
  RankWatch watch(1);
  watch.look(ranks.get(), 0);
  ranks.step(50, {0.01, 0.01, 0.05, 0.05, 0.5});
  EXPECT_TRUE(watch.look(ranks.get(), 1).empty());
  EXPECT_EQ(watch.times_slower(4), 0) << "it is alone";
  ranks.step(50, {0.01, 0.01, 0.05, 0.08, 0.5});
  const auto changes = watch.look(ranks.get(), 2);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].rank, 3);
}

TEST(RankWatch, FewStepsAndCountsFromTheStartSayNothing) {
  SteppingRanks ranks({0, 0});
  RankWatch watch(1);
  watch.look(ranks.get(), 0);
  ranks.step(RankWatch::kMinSteps - 1, {0.01, 0.05});
  EXPECT_TRUE(watch.look(ranks.get(), 1).empty());
  ranks.step(100, {0.01, 0.05});
  EXPECT_EQ(watch.look(ranks.get(), 2).size(), 1U);
  ranks.get()[1].counts = {};  // in a new process
  EXPECT_TRUE(watch.look(ranks.get(), 3).empty());
  EXPECT_EQ(watch.times_slower(1), 0);
}

}  // namespace
}  // namespace braid
