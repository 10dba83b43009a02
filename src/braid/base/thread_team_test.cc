#include "braid/base/thread_team.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

namespace braid {
namespace {

TEST(ThreadTeam, EveryThreadRunsOnceAndTheCallerIsThreadZero) {
  for (int size : {1, 2, 5}) {
    ThreadTeam team(size);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> calls(static_cast<size_t>(size), 0);
      const auto caller = std::this_thread::get_id();
      team.run([&](int thread) {
        ++calls[static_cast<size_t>(thread)];
        EXPECT_EQ(thread == 0, std::this_thread::get_id() == caller);
      });
      EXPECT_EQ(calls, std::vector<int>(static_cast<size_t>(size), 1));
    }
  }
}

TEST(ThreadTeam, BarrierMakesEarlierWritesVisible) {
  ThreadTeam team(4);
  std::vector<int> written(4, 0);
  std::vector<int> sums(4, 0);
  for (int round = 1; round <= 100; ++round) {
    team.run([&](int thread) {
      written[static_cast<size_t>(thread)] = round;
      team.barrier();
      sums[static_cast<size_t>(thread)] = std::accumulate(written.begin(), written.end(), 0);
      team.barrier();
    });
    EXPECT_EQ(sums, std::vector<int>(4, 4 * round));
  }
}

TEST(ThreadTeam, ScratchIsEachThreadsOwnAndStays) {
  ThreadTeam team(3);
  std::vector<std::byte*> first(3);
  team.run([&](int thread) { first[static_cast<size_t>(thread)] = team.scratch(thread, 1000); });
  team.run([&](int thread) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(first[static_cast<size_t>(thread)]) % 64, 0U);
    EXPECT_EQ(team.scratch(thread, 10), first[static_cast<size_t>(thread)]);
    EXPECT_EQ(team.scratch(thread, 1000), first[static_cast<size_t>(thread)]);
  });
  EXPECT_NE(first[0], first[1]);
  EXPECT_NE(first[1], first[2]);
}

TEST(ThreadTeam, MembersFlushDenormalsAndTheCallersModeIsRestored) {
  volatile float tiny = std::numeric_limits<float>::denorm_min();
  ThreadTeam team(3);
  std::vector<float> products(3, -1.0F);
  team.run([&](int thread) { products[static_cast<size_t>(thread)] = tiny * 2.0F; });
  EXPECT_EQ(products, std::vector<float>(3, 0.0F));
  EXPECT_GT(tiny * 2.0F, 0.0F);
}

}  // namespace
}  // namespace braid
