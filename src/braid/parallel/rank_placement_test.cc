#include "braid/parallel/rank_placement.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <thread>

namespace braid {
namespace {

std::vector<NumaDomain> machine(const std::string& synthetic) {
  return numa_domains_of(synthetic).value();
}

std::vector<RankCpus> placed(const std::string& synthetic, int32_t num_ranks, std::string_view choice = "auto") {
  return place_ranks(machine(synthetic), num_ranks, parse_numa_choice(choice).value()).value();
}

TEST(RankPlacement, OneDomainsCpusAreSplitAndItsMemoryIsNotBound) {
  const std::vector<RankCpus> split = {{.domain = -1, .cpus = {0, 1}}, {.domain = -1, .cpus = {2, 3}}};
  EXPECT_EQ(placed("numa:1 core:4 pu:1", 2), split);
  EXPECT_EQ(describe_placement(split), "rank 0: CPUs 0-1; rank 1: CPUs 2-3");
  EXPECT_EQ(placed("numa:1 core:4 pu:1", 1), std::vector<RankCpus>(1)) << "nobody to share with";
  EXPECT_EQ(placed("numa:1 core:2 pu:1", 3), std::vector<RankCpus>(3)) << "some must share";
}

TEST(RankPlacement, OffBindsNoRankAndAMapBindsEvenOnOneDomain) {
  EXPECT_EQ(placed("numa:1 core:2 pu:1", 2, "off"), std::vector<RankCpus>(2));
  EXPECT_EQ(placed("numa:2 core:2 pu:1", 2, "off"), std::vector<RankCpus>(2));
  const std::vector<RankCpus> halves = {{.domain = 0, .cpus = {0, 1}}, {.domain = 0, .cpus = {2, 3}}};
  EXPECT_EQ(placed("numa:1 core:4 pu:1", 2, "0,0"), halves);
}

TEST(RankPlacement, NeighboursShareADomainAndSplitItsCpus) {
  const std::vector<RankCpus> expected = {{.domain = 0, .cpus = {0, 1}},
                                          {.domain = 0, .cpus = {2, 3}},
                                          {.domain = 1, .cpus = {4, 5}},
                                          {.domain = 1, .cpus = {6, 7}}};
  EXPECT_EQ(placed("numa:2 core:4 pu:1", 4), expected);
}

TEST(RankPlacement, MoreRanksThanCpusShareAll) {
  const std::vector<RankCpus> expected = {
      {.domain = 0, .cpus = {0}}, {.domain = 0, .cpus = {0}}, {.domain = 1, .cpus = {1}}, {.domain = 1, .cpus = {1}}};
  EXPECT_EQ(placed("numa:2 core:1 pu:1", 4), expected);
}

TEST(RankPlacement, EveryCpuOfADomainWithRanksIsUsedForAnyNumberOfRanks) {
  for (const char* synthetic : {"numa:2 core:6 pu:2", "numa:4 core:3 pu:1", "package:2 numa:2 core:5 pu:1"}) {
    for (int32_t num_ranks = 1; num_ranks <= 24; ++num_ranks) {
      const auto domains = machine(synthetic);
      const auto places = placed(synthetic, num_ranks);
      std::vector<int> ranks_in(domains.size());
      for (const NumaDomain& domain : domains) {
        std::vector<int32_t> used;
        for (const RankCpus& place : places) {
          if (place.domain != domain.os_index) continue;
          ++ranks_in[static_cast<size_t>(&domain - domains.data())];
          EXPECT_FALSE(place.cpus.empty());
          used.insert(used.end(), place.cpus.begin(), place.cpus.end());
        }
        std::sort(used.begin(), used.end());
        used.erase(std::unique(used.begin(), used.end()), used.end());
        EXPECT_TRUE(used.empty() || used.size() == domain.cpus.size()) << synthetic << ", " << num_ranks;
      }
      const auto [fewest, most] = std::minmax_element(ranks_in.begin(), ranks_in.end());
      EXPECT_LE(*most - *fewest, 1) << synthetic << ", " << num_ranks;
    }
  }
}

TEST(RankPlacement, ALargerDomainGetsMoreRanks) {
  const std::vector<NumaDomain> domains = {{.os_index = 0, .cpus = {0, 1}},
                                           {.os_index = 2, .cpus = {2, 3, 4, 5, 6, 7}}};
  const auto places = place_ranks(domains, 4, {}).value();
  const std::vector<RankCpus> expected = {{.domain = 0, .cpus = {0, 1}},
                                          {.domain = 2, .cpus = {2, 3}},
                                          {.domain = 2, .cpus = {4, 5}},
                                          {.domain = 2, .cpus = {6, 7}}};
  EXPECT_EQ(places, expected);
  EXPECT_EQ(
      describe_placement(places),
      "rank 0: domain 0, CPUs 0-1; rank 1: domain 2, CPUs 2-3; rank 2: domain 2, CPUs 4-5; rank 3: domain 2, CPUs 6-7");
}

TEST(RankPlacement, AMapThatDoesNotFitIsAnErrorWithTheNumbers) {
  const auto error = [](std::string_view choice) {
    return place_ranks(machine("numa:2 core:2 pu:1"), 2, parse_numa_choice(choice).value()).error().message;
  };
  EXPECT_EQ(error("0,1,1"), "--numa names a domain for 3 ranks; there are 2 ranks");
  EXPECT_EQ(error("0,7"), "--numa: there is no NUMA domain 7 with a CPU for this process; there are: 0 1");
}

TEST(RankPlacement, NumaChoiceIsAutoOffOrAMap) {
  EXPECT_EQ(parse_numa_choice("auto").value(), NumaChoice{});
  EXPECT_EQ(parse_numa_choice("1,0").value(), (NumaChoice{.mode = NumaChoice::Mode::kMap, .map = {1, 0}}));
  for (const char* wrong : {"", "on", "0,", ",", "0;1", "-1", "0,x", "99999999999", " 0"}) {
    EXPECT_FALSE(parse_numa_choice(wrong).ok()) << wrong;
  }
}

TEST(RankPlacement, DefaultThreadsAreTheRanksCpusOrItsShare) {
  EXPECT_EQ(default_threads({.domain = 0, .cpus = {0, 1, 2}}, 2, 8), 3);
  EXPECT_EQ(default_threads({}, 2, 8), 4);
  EXPECT_EQ(default_threads({}, 4, 2), 1);
  EXPECT_EQ(default_threads({.domain = -1, .cpus = {0, 1, 2, 3}}, 2, 4), 2) << "a quota";
}

TEST(RankPlacement, BindThisThreadHoldsForTheThreadsThatItStarts) {
  const NumaDomain domain = numa_domains().value().front();
  const RankCpus place = {.domain = domain.os_index, .cpus = {domain.cpus.back()}};
  std::thread([&] {
    ASSERT_TRUE(bind_this_thread(place).ok());
    std::thread([&] { EXPECT_EQ(sched_getcpu(), place.cpus.front()); }).join();
  }).join();
  EXPECT_FALSE(bind_this_thread({.domain = 0, .cpus = {1 << 20}}).ok());
}

}  // namespace
}  // namespace braid
