#include "braid/base/thread_role.h"

#include <gtest/gtest.h>

#include <ctime>
#include <latch>
#include <thread>

#include "braid/base/clock.h"

namespace braid {
namespace {

double own_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

TEST(ThreadRole, TimeOfAThreadCountsForItsRoleWhileItLives) {
  constexpr double kBusy_s = 0.05;
  const CpuByRole before = cpu_seconds_by_role();
  std::latch has_worked(1);
  std::latch is_counted(1);
  double used_s = 0;
  std::thread worker([&] {
    set_thread_role(ThreadRole::kMasks);
    while (own_cpu_seconds() < kBusy_s) {
    }
    used_s = own_cpu_seconds();
    has_worked.count_down();
    is_counted.wait();
  });
  has_worked.wait();
  const CpuByRole during = cpu_seconds_by_role();
  is_counted.count_down();
  worker.join();
  EXPECT_GE(during.of(ThreadRole::kMasks) - before.of(ThreadRole::kMasks), used_s);
  EXPECT_GE(during.front() - before.front(), used_s);
  EXPECT_LE(during.of(ThreadRole::kMasks) - before.of(ThreadRole::kMasks), process_cpu_seconds());
}

TEST(ThreadRole, RanksAreNoPartOfTheFront) {
  CpuByRole cpu;
  for (int role = 0; role < kNumThreadRoles; ++role) cpu.seconds[static_cast<size_t>(role)] = 1;
  EXPECT_EQ(cpu.front(), 6);
  cpu.seconds[static_cast<size_t>(ThreadRole::kRank)] = 100;
  cpu.seconds[static_cast<size_t>(ThreadRole::kCompute)] = 100;
  cpu.seconds[static_cast<size_t>(ThreadRole::kImages)] = 100;
  EXPECT_EQ(cpu.front(), 6);
}

}  // namespace
}  // namespace braid
