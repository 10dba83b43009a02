#include "braid/base/cpu_quota.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

constexpr const char* kV2Mount = "31 23 0:28 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";

// A system of files that say what a test writes.
class CpuQuotaTest : public ::testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = folder_.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void set_cgroups(const std::string& cgroup, const std::string& mountinfo) {
    write("proc/self/cgroup", cgroup);
    write("proc/self/mountinfo", mountinfo);
  }
  std::optional<double> quota() const { return cgroup_cpu_quota(folder_.path().string()); }

 private:
  testing::TemporaryFolder folder_;
};

TEST_F(CpuQuotaTest, TheLeastOfAllLevelsOfV2Counts) {
  set_cgroups("0::/system.slice/braid.service\n", kV2Mount);
  EXPECT_EQ(quota(), std::nullopt) << "no files";
  write("sys/fs/cgroup/system.slice/braid.service/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("sys/fs/cgroup/system.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(quota(), 3.0);
  write("sys/fs/cgroup/system.slice/braid.service/cpu.max", "75000 50000\n");
  EXPECT_EQ(quota(), 1.5);
  write("sys/fs/cgroup/other/cpu.max", "1000 100000\n");
  EXPECT_EQ(quota(), 1.5) << "another's";
}

TEST_F(CpuQuotaTest, V1HasQuotaAndPeriodInFilesOfTheirOwn) {
  set_cgroups("12:pids:/\n4:cpu,cpuacct:/a/b\n0::/c\n",
              "30 25 0:26 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
              "32 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
  write("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
  EXPECT_EQ(quota(), std::nullopt) << "no period";
  write("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota(), 1.5);
  write("sys/fs/cgroup/cpuset/a/b/cpu.cfs_quota_us", "1\n");
  EXPECT_EQ(quota(), 1.5) << "not of this controller";
}

// Without a namespace the container sees the host's path, and its own cgroup is what is mounted.
TEST_F(CpuQuotaTest, AContainersOwnCgroupIsItsMount) {
  const std::string mount = "31 23 0:28 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n";
  for (const char* cgroup : {"0::/docker/abc\n", "0::/\n", "0::/../abc\n", "0::/docker/abc/\n", "0::\n", ""}) {
    set_cgroups(cgroup, mount);
    write("sys/fs/cgroup/cpu.max", "250000 100000\n");
    EXPECT_EQ(quota(), 2.5) << cgroup;
  }
  set_cgroups("0::/docker/abc/in\n", mount);
  write("sys/fs/cgroup/in/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
}

TEST_F(CpuQuotaTest, AMountPointMayHaveBlanks) {
  set_cgroups("0::/\n", "31 23 0:28 / /my\\040cgroups rw - cgroup2 none rw\n");
  write("my cgroups/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 1.0);
}

TEST_F(CpuQuotaTest, WhatIsNoLimitIsNone) {
  EXPECT_EQ(quota(), std::nullopt) << "no files at all";
  set_cgroups("0::/\n", kV2Mount);
  for (const char* text : {"", "\n", "max", "max max", "100000", "0 100000", "-5 100000", "100000 0", "1e999 1",
                           "nan 1", "one two", "\xff\xfe"}) {
    write("sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(quota(), std::nullopt) << text;
  }
}

TEST_F(CpuQuotaTest, NothingThatStandsInTheFilesHarms) {
  std::mt19937 random(20261124);
  const std::string_view pieces[] = {"0::",
                                     "/",
                                     "..",
                                     "\n",
                                     " ",
                                     " - ",
                                     "cgroup2",
                                     "cgroup",
                                     ",cpu",
                                     ":",
                                     "\\040",
                                     "\\",
                                     "/sys/fs/cgroup",
                                     "31 23 0:28",
                                     "rw",
                                     std::string_view("\0", 1)};
  for (int i = 0; i < 2000; ++i) {
    std::string texts[2];
    for (std::string& text : texts) {
      for (auto left = random() % 30; left > 0; --left) text += pieces[random() % std::size(pieces)];
    }
    set_cgroups(texts[0], i % 2 == 0 ? texts[1] : kV2Mount);
    const auto got = quota();
    EXPECT_TRUE(!got || *got > 0);
  }
}

TEST(ThreadsFor, NeverAboveTheCpusNorBelowOne) {
  EXPECT_EQ(threads_for(8, std::nullopt), 8);
  EXPECT_EQ(threads_for(8, 2.0), 2);
  EXPECT_EQ(threads_for(8, 1.5), 2);
  EXPECT_EQ(threads_for(8, 0.1), 1);
  EXPECT_EQ(threads_for(2, 64.0), 2);
  EXPECT_EQ(threads_for(0, std::nullopt), 1);
  EXPECT_EQ(threads_for(4, 1e300), 4);
}

}  // namespace
}  // namespace braid
