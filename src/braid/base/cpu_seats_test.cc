#include "braid/base/cpu_seats.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>
#include <vector>

namespace braid {
namespace {

cpu_set_t allowed_cpus() {
  cpu_set_t cpus;
  EXPECT_EQ(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
  return cpus;
}

std::vector<int> list_of(const cpu_set_t& cpus) {
  std::vector<int> list;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<size_t>(cpu), &cpus)) list.push_back(cpu);
  }
  return list;
}

cpu_set_t only(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<size_t>(cpu), &cpus);
  return cpus;
}

// Runs `work` on a thread that is restricted to `during` when `work` begins.
void on_thread(const cpu_set_t& during, const auto& work) {
  std::thread([&] {
    ASSERT_EQ(sched_setaffinity(0, sizeof(during), &during), 0);
    work();
  }).join();
}

TEST(CpuSeats, AThreadLeavesATeammatesCpuAndMayStillUseAll) {
  const cpu_set_t all = allowed_cpus();
  const std::vector<int> cpus = list_of(all);
  if (cpus.size() < 2) GTEST_SKIP() << "one CPU";
  CpuSeats seats(2);
  on_thread(only(cpus[0]), [&] { seats.settle(0); });
  on_thread(only(cpus[0]), [&] {
    // The mask widens and the thread stays where it is, as with a scheduler that packs threads.
    sched_setaffinity(0, sizeof(all), &all);
    if (sched_getcpu() != cpus[0]) return;  // moved by the scheduler itself
    seats.settle(1);
    EXPECT_NE(sched_getcpu(), cpus[0]);
    EXPECT_EQ(list_of(allowed_cpus()), cpus);
  });
}

TEST(CpuSeats, AThreadReturnsToItsOwnSeat) {
  const cpu_set_t all = allowed_cpus();
  const std::vector<int> cpus = list_of(all);
  if (cpus.size() < 2) GTEST_SKIP() << "one CPU";
  CpuSeats seats(2);
  on_thread(only(cpus[0]), [&] { seats.settle(0); });
  on_thread(only(cpus.back()), [&] { seats.settle(1); });
  on_thread(only(cpus[0]), [&] {
    sched_setaffinity(0, sizeof(all), &all);
    if (sched_getcpu() != cpus[0]) return;
    seats.settle(1);
    EXPECT_EQ(sched_getcpu(), cpus.back());
  });
}

TEST(CpuSeats, WithoutAFreeCpuAThreadStays) {
  const int cpu = list_of(allowed_cpus()).front();
  CpuSeats seats(3);
  for (int thread = 0; thread < 3; ++thread) {
    on_thread(only(cpu), [&] {
      seats.settle(thread);
      EXPECT_EQ(sched_getcpu(), cpu);
      EXPECT_EQ(list_of(allowed_cpus()), std::vector<int>{cpu});
    });
  }
}

TEST(CpuSeats, ASeatOutsideTheMaskIsGivenUp) {
  const std::vector<int> cpus = list_of(allowed_cpus());
  if (cpus.size() < 2) GTEST_SKIP() << "one CPU";
  CpuSeats seats(2);
  on_thread(only(cpus[0]), [&] { seats.settle(0); });
  on_thread(only(cpus[1]), [&] { seats.settle(1); });
  on_thread(only(cpus[0]), [&] {
    seats.settle(1);  // neither its own seat nor a free one is allowed
    EXPECT_EQ(sched_getcpu(), cpus[0]);
    EXPECT_EQ(list_of(allowed_cpus()), std::vector<int>{cpus[0]});
  });
}

}  // namespace
}  // namespace braid
