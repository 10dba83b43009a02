// What a process takes of its host: all of it alone, a part of it beside others.
#include "braid/worker/host_share.h"

#include <gtest/gtest.h>

#include <vector>

namespace braid {
namespace {

HostShare share_of(const std::vector<ProcessOfHost>& processes, int32_t process) {
  std::vector<std::string> texts;
  for (const ProcessOfHost& one : processes) texts.push_back(encode(one));
  const auto share = host_share(texts, process);
  EXPECT_TRUE(share.ok()) << share.error().message;
  return share.ok() ? *share : HostShare{};
}

TEST(HostShare, ProcessesOfOneHostShareIt) {
  const std::vector<ProcessOfHost> processes{{.host = "a", .cpus = "0,1", .num_ranks = 3},
                                             {.host = "b", .cpus = "0,1", .num_ranks = 1},
                                             {.host = "a", .cpus = "0,1", .num_ranks = 2}};
  const HostShare third = share_of(processes, 2);
  EXPECT_EQ(third.ranks_on_host, 5);
  EXPECT_EQ(third.ranks_on_cpus, 5);
  EXPECT_EQ(third.ranks_before, 3);
  EXPECT_EQ(share_of(processes, 1).ranks_on_host, 1);
  EXPECT_EQ(share_of(processes, 1).ranks_before, 0);
}

TEST(HostShare, ProcessesThatWereGivenOtherCpusShareOnlyMemory) {
  const std::vector<ProcessOfHost> processes{{.host = "a", .cpus = "0", .num_ranks = 1},
                                             {.host = "a", .cpus = "1", .num_ranks = 2}};
  const HostShare second = share_of(processes, 1);
  EXPECT_EQ(second.ranks_on_host, 3);
  EXPECT_EQ(second.ranks_on_cpus, 2);
  EXPECT_EQ(second.ranks_before, 0);
}

TEST(HostShare, TheLowestTierIsForAll) {
  const std::vector<ProcessOfHost> processes{{.host = "a", .isa = CpuIsa::kAvx512Bf16},
                                             {.host = "b", .isa = CpuIsa::kAvx2},
                                             {.host = "c", .isa = CpuIsa::kAmxBf16}};
  for (int32_t process = 0; process < 3; ++process) EXPECT_EQ(share_of(processes, process).isa, CpuIsa::kAvx2);
}

TEST(HostShare, WhatIsNoSuchTextIsAnErrorThatNamesTheProcess) {
  const std::string good = encode({.host = "a"});
  for (const std::string bad : {"", "a\nb\n9\n1", "a\nb\n0\n0", "a\nb\n0\n1x", "a\nb\n0\n99999999999"}) {
    const std::vector<std::string> texts{good, bad};
    const auto share = host_share(texts, 0);
    ASSERT_FALSE(share.ok()) << bad;
    EXPECT_EQ(share.error().message, "process 1 says nothing sensible of its host");
  }
}

}  // namespace
}  // namespace braid
