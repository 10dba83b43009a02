#include "braid/parallel/numa_topology.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <string>
#include <vector>

namespace braid {
namespace {

TEST(NumaTopology, ListsCoresBeforeTheirSecondHyperthreads) {
  const std::vector<NumaDomain> expected = {{.os_index = 0, .cpus = {0, 2, 4, 1, 3, 5}},
                                            {.os_index = 1, .cpus = {6, 8, 10, 7, 9, 11}}};
  EXPECT_EQ(numa_domains_of("numa:2 core:3 pu:2").value(), expected);
}

TEST(NumaTopology, ThisMachineHasTheCpusThatThisProcessMayUse) {
  cpu_set_t allowed;
  ASSERT_EQ(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  const auto domains = numa_domains();
  ASSERT_TRUE(domains.ok());
  int num_cpus = 0;
  for (const NumaDomain& domain : domains.value()) {
    for (const int32_t cpu : domain.cpus) {
      EXPECT_TRUE(CPU_ISSET(static_cast<size_t>(cpu), &allowed)) << cpu;
      ++num_cpus;
    }
  }
  EXPECT_EQ(num_cpus, CPU_COUNT(&allowed));
}

TEST(NumaTopology, NamesADescriptionThatIsNoMachine) {
  EXPECT_NE(numa_domains_of("three cats").error().message.find("three cats"), std::string::npos);
}

}  // namespace
}  // namespace braid
