#include "braid/weights/first_touch.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "braid/parallel/numa_topology.h"
#include "braid/tensor/buffer.h"

namespace braid {
namespace {

// Many times what a waiting thread touches by itself (under ThreadSanitizer, that includes a trace of its actions).
constexpr int64_t kAreaBytes = int64_t{16} << 20;
constexpr int64_t kPageBytes = 4096;

// On small pages, so that each fault counts.
Buffer untouched_area() {
  Buffer buffer(kAreaBytes);
  madvise(buffer.data(), kAreaBytes, MADV_NOHUGEPAGE);  // fails where there are only small pages
  return buffer;
}

// Four ranks on two domains of one CPU each: a machine with two CPUs can bind them.
std::vector<RankCpus> two_domains() {
  const auto domains = numa_domains_of("numa:2 core:1 pu:1").value();
  return place_ranks(domains, 4, {}).value();
}

bool has_cpus_0_and_1() {
  cpu_set_t mine;
  return sched_getaffinity(0, sizeof(mine), &mine) == 0 && CPU_ISSET(0, &mine) && CPU_ISSET(1, &mine);
}

class FirstTouchTest : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!has_cpus_0_and_1()) GTEST_SKIP() << "this process may not use CPUs 0 and 1";
  }
};

std::vector<int64_t> page_faults(ThreadTeam& team) {
  std::vector<int64_t> faults(static_cast<size_t>(team.size()));
  team.run([&](int thread) {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    faults[static_cast<size_t>(thread)] = usage.ru_minflt;
  });
  return faults;
}

std::vector<int> allowed_cpus(ThreadTeam& team) {
  std::vector<int> counts(static_cast<size_t>(team.size()));
  team.run([&](int thread) {
    cpu_set_t mine;
    sched_getaffinity(0, sizeof(mine), &mine);
    counts[static_cast<size_t>(thread)] = CPU_COUNT(&mine) == 1 ? (CPU_ISSET(1, &mine) ? 1 : 0) : -1;
  });
  return counts;
}

TEST_P(FirstTouchTest, OnlyThreadsOfItsDomainTouchAPage) {
  ThreadTeam team(GetParam());
  const auto touch = FirstTouch::make(team, two_domains()).value();
  for (const int32_t domain : {0, 1}) {
    const Buffer buffer = untouched_area();
    const auto before = page_faults(team);
    const UntouchedMemory memory{.domain = domain, .bytes = {buffer.data(), static_cast<size_t>(kAreaBytes)}};
    touch->touch({&memory, 1});
    const auto after = page_faults(team);
    const auto bound = allowed_cpus(team);
    int64_t num_pages = 0;
    for (size_t thread = 0; thread < before.size(); ++thread) {
      const int64_t own = after[thread] - before[thread];
      if (own < kAreaBytes / kPageBytes / 8) continue;  // only its own stack
      num_pages += own;
      // A thread that serves both domains is at the second one now.
      EXPECT_EQ(bound[thread], team.size() == 1 ? 1 : domain) << "thread " << thread;
    }
    EXPECT_GE(num_pages, kAreaBytes / kPageBytes) << "every page of domain " << domain;
    for (int64_t i = 0; i < kAreaBytes; i += 512) EXPECT_EQ(buffer.data()[i], std::byte{0});
  }
}
INSTANTIATE_TEST_SUITE_P(Threads, FirstTouchTest, ::testing::Values(1, 2, 3, 5));

TEST(FirstTouch, ThreadsAreUnboundAfterwards) {
  if (!has_cpus_0_and_1()) GTEST_SKIP() << "this process may not use CPUs 0 and 1";
  ThreadTeam team(3);
  const auto before = allowed_cpus(team);
  {
    const auto touch = FirstTouch::make(team, two_domains()).value();
    EXPECT_EQ(allowed_cpus(team), (std::vector<int>{0, 1, 0}));
  }
  EXPECT_EQ(allowed_cpus(team), before);
}

TEST(FirstTouch, NothingIsTouchedIfNoRankIsBound) {
  ThreadTeam team(2);
  const std::vector<RankCpus> anywhere(4);
  const auto touch = FirstTouch::make(team, anywhere).value();
  const Buffer buffer = untouched_area();
  const auto before = page_faults(team);
  const UntouchedMemory memory{.domain = -1, .bytes = {buffer.data(), static_cast<size_t>(kAreaBytes)}};
  touch->touch({&memory, 1});
  const auto after = page_faults(team);
  for (size_t thread = 0; thread < before.size(); ++thread) {
    EXPECT_LT(after[thread] - before[thread], kAreaBytes / kPageBytes / 8);
  }
}

}  // namespace
}  // namespace braid
