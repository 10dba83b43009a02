#include "braid/base/thread_team.h"

#include <gtest/gtest.h>

#include <ctime>
#include <limits>
#include <numeric>
#include <vector>

namespace braid {
namespace {

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

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

TEST(ThreadTeam, ProgressCountsRunsAndTheProcessorTimeOfAllThreads) {
  for (int size : {1, 3}) {
    ThreadTeam team(size);
    EXPECT_EQ(team.progress().num_operations, 0U);
    team.run([](int) {});
    const Progress before = team.progress();
    EXPECT_EQ(before.num_operations, 1U);
    std::thread watcher;
    Progress within;
    team.run([&](int thread) {
      if (thread != size - 1) return;
      // From another thread, while one thread of the team works and all others wait.
      watcher = std::thread([&] {
        do within = team.progress();
        while (within.cpu_ticks < before.cpu_ticks + 2);
      });
      volatile uint64_t sum = 0;
      const double end_s = thread_cpu_seconds() + 4 * Progress::kCpuTickS;
      while (thread_cpu_seconds() < end_s) sum = sum + 1;
      watcher.join();
    });
    EXPECT_EQ(within.num_operations, 2U);
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
