#include "braid/api/profile_waits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "braid/api/profile.h"

namespace braid {
namespace {

using enum TracePhase;

// Milliseconds of one rank's step.
struct StepCost {
  double plan = 0.1;
  double attention = 2;
  double ffn = 3;
  double head = 0.5;
};

struct MadeLayout {
  std::vector<int32_t> nodes = {0, 0, 1, 1};  // of each rank, a process each node
  int32_t ranks_per_group = 2;
};

// Steps of ranks that wait for the slowest at each exchange, which then takes `transfer` ms.
Profile made_steps(const MadeLayout& layout, int num_steps, double transfer,
                   const std::function<StepCost(int step, int rank)>& cost) {
  Profile profile;
  for (size_t rank = 0; rank < layout.nodes.size(); ++rank) {
    const int32_t node = layout.nodes[rank];
    if (profile.processes.empty() || profile.processes.back().node != node) {
      profile.processes.push_back({.node = node, .host = "host" + std::to_string(node), .clock_ahead_s = 5.0 * node});
    }
    const auto number = static_cast<int32_t>(rank);
    profile.processes.back().ranks.push_back({.rank = number, .group = number / layout.ranks_per_group});
  }
  std::vector<ProfiledRank*> ranks;
  for (ProfiledProcess& process : profile.processes) {
    for (ProfiledRank& rank : process.ranks) ranks.push_back(&rank);
  }
  double now_ms = 1000;
  const auto phase = [&](int step, TracePhase work, TracePhase exchange, const std::function<double(int)>& length) {
    double longest = 0;
    for (size_t r = 0; r < ranks.size(); ++r) longest = std::max(longest, length(static_cast<int>(r)));
    for (size_t r = 0; r < ranks.size(); ++r) {
      const double done_ms = now_ms + length(static_cast<int>(r));
      const double next_ms = now_ms + longest + transfer;
      const auto number = static_cast<uint64_t>(step);
      ranks[r]->spans.push_back({.phase = work, .step = number, .begin_s = now_ms / 1e3, .end_s = done_ms / 1e3});
      ranks[r]->spans.push_back({.phase = exchange, .step = number, .begin_s = done_ms / 1e3, .end_s = next_ms / 1e3});
    }
    now_ms += longest + transfer;
  };
  for (int step = 1; step <= num_steps; ++step) {
    phase(step, kPlan, kHeader, [&](int rank) { return cost(step, rank).plan; });
    phase(step, kAttention, kGather, [&](int rank) { return cost(step, rank).attention; });
    phase(step, kFfn, kScatter, [&](int rank) { return cost(step, rank).ffn; });
    phase(step, kHead, kScatter, [&](int rank) { return cost(step, rank).head; });
  }
  return profile;
}

TEST(ProfileWaits, ASlowHostIsNamedWithItsRankAndWhatItCosts) {
  const Profile profile = made_steps(
      {}, 102, 0.1, [](int, int rank) { return rank == 3 ? StepCost{.attention = 4, .ffn = 6} : StepCost{}; });
  const auto waits = profile_waits(profile);
  ASSERT_TRUE(waits);
  EXPECT_EQ(waits->rank, 3);
  EXPECT_EQ(waits->group, 1);
  EXPECT_EQ(waits->node, 1);
  EXPECT_EQ(waits->host, "host1");
  EXPECT_EQ(waits->num_steps, 100);  // without the first and the last
  EXPECT_NEAR(waits->lost_s, 0.5, 1e-6);
  EXPECT_NEAR(waits->steps_s, 1.1, 1e-6);
  EXPECT_NEAR(waits->transfer_s, 0.03, 1e-6);
  EXPECT_NEAR(waits->times_slower, 2, 1e-6);
  EXPECT_NEAR(waits->share_of_late, 1, 1e-6);
  EXPECT_EQ(helpful_flag(*waits), "--ranks-on-node");
  EXPECT_NE(waits_text(*waits).find("rank 3 (group 1, node 1 on host1): 5.000 ms of a step's 11.000 ms, 500.0 ms in "
                                    "all, for the feed-forward layers."),
            std::string::npos)
      << waits_text(*waits);
  EXPECT_EQ(profile_suggestion(profile), waits_text(*waits));
}

TEST(ProfileWaits, OnOneNodeASlowRankHasTooManyThreads) {
  const Profile profile = made_steps({.nodes = {0, 0}}, 20, 0, [](int, int rank) {
    return rank == 1 ? StepCost{.attention = 4, .ffn = 6} : StepCost{};
  });
  EXPECT_EQ(helpful_flag(*profile_waits(profile)), "--threads-per-rank");
}

TEST(ProfileWaits, ABusyGroupNeedsBalance) {
  const Profile profile = made_steps({}, 20, 0.1, [](int, int rank) {
    return rank / 2 == 1 ? StepCost{.attention = rank == 2 ? 6.01 : 6} : StepCost{};
  });
  const auto waits = profile_waits(profile);
  EXPECT_EQ(waits->rank, 2);
  EXPECT_EQ(waits->group, 1);
  EXPECT_EQ(waits->work, WorkKind::kAttention);
  EXPECT_EQ(helpful_flag(*waits), "--kv-rebalance");
}

TEST(ProfileWaits, GroupsThatPrefillInTurnsShouldAlign) {
  const Profile profile = made_steps({}, 41, 0.1, [](int step, int rank) {
    return rank == 2 * (step % 2) ? StepCost{.attention = step % 2 == 1 ? 9.1 : 9} : StepCost{};
  });
  EXPECT_EQ(helpful_flag(*profile_waits(profile)), "--prefill-alignment");
}

TEST(ProfileWaits, APublisherThatPlansLongHasTooManyRequests) {
  const Profile profile =
      made_steps({}, 20, 0.1, [](int, int rank) { return rank == 0 ? StepCost{.plan = 5} : StepCost{}; });
  const auto waits = profile_waits(profile);
  EXPECT_EQ(waits->rank, 0);
  EXPECT_EQ(waits->work, WorkKind::kDecide);
  EXPECT_EQ(helpful_flag(*waits), "--max-running-requests");
}

TEST(ProfileWaits, SlowLinksAreNoRanksFault) {
  const auto even = [](int, int rank) { return rank == 1 ? StepCost{.attention = 2.1} : StepCost{}; };
  const Profile nodes = made_steps({}, 20, 2, even);
  EXPECT_EQ(helpful_flag(*profile_waits(nodes)), "--exchange-dtype bfloat16");
  Profile one_host = nodes;
  for (ProfiledProcess& process : one_host.processes) {
    process.node = 0;
    process.host = "host0";
  }
  EXPECT_EQ(helpful_flag(*profile_waits(one_host)), "--ranks-per-process");
  EXPECT_NE(profile_suggestion(nodes).find("rank 1 (group 0, node 0 on host0)"), std::string::npos);
}

TEST(ProfileWaits, EvenRanksAreMentionedAfterTheLargestCost) {
  const Profile profile =
      made_steps({}, 20, 0.001, [](int, int rank) { return rank == 1 ? StepCost{.attention = 2.01} : StepCost{}; });
  const std::string suggestion = profile_suggestion(profile);
  EXPECT_TRUE(suggestion.starts_with("The feed-forward layers are the largest cost")) << suggestion;
  EXPECT_NE(suggestion.find("Most waited for is rank 1"), std::string::npos);
}

TEST(ProfileWaits, ReplicasAndRestartsAreNotCompared) {
  Profile profile = made_steps(
      {}, 20, 0.1, [](int, int rank) { return rank >= 2 ? StepCost{.attention = 9, .ffn = 9} : StepCost{}; });
  for (ProfiledRank& rank : profile.processes[1].ranks) rank.world = 1;
  EXPECT_NEAR(profile_waits(profile)->lost_s, 0, 1e-9);
  for (ProfiledRank& rank : profile.processes[1].ranks) rank.world = 0;
  profile.processes[1].num_restarts = 1;
  EXPECT_NEAR(profile_waits(profile)->lost_s, 0, 1e-9);
}

TEST(ProfileWaits, ThereAreNoneWithoutOthersOrSteps) {
  EXPECT_FALSE(profile_waits({}));
  EXPECT_FALSE(profile_waits(made_steps({.nodes = {0}}, 20, 0, [](int, int) { return StepCost(); })));
  EXPECT_FALSE(profile_waits(made_steps({}, 2, 0, [](int, int) { return StepCost(); }))) << "both may be cut";
}

}  // namespace
}  // namespace braid
