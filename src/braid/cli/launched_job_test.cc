// What the launchers' variables come to, and which numbers of processes fit a layout.
#include "braid/cli/launched_job.h"

#include <gtest/gtest.h>

#include <map>

namespace braid {
namespace {

using Variables = std::map<std::string, std::string>;

Result<std::optional<LaunchedJob>> job_of(const Variables& variables) {
  return launched_job([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  });
}

void expect_job(const Variables& variables, int32_t process, int32_t num_processes, bool is_on_one_host) {
  const auto job = job_of(variables);
  ASSERT_TRUE(job.ok()) << job.error().message;
  ASSERT_TRUE(job->has_value());
  EXPECT_EQ((*job)->process, process);
  EXPECT_EQ((*job)->num_processes, num_processes);
  EXPECT_EQ((*job)->is_on_one_host, is_on_one_host);
}

const Variables kSlurmStep{{"SLURM_PROCID", "1"}, {"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_STEP_NUM_NODES", "2"}};

TEST(LaunchedJob, EveryLauncherIsUnderstood) {
  expect_job({{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}}, 3, 4,
             true);
  expect_job({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "4"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}}, 0, 4,
             false);
  expect_job({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}, {"MPI_LOCALNRANKS", "2"}}, 1, 2, true);
  expect_job({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}}, 1, 2, false);
  expect_job(kSlurmStep, 1, 4, false);
  Variables one_node = kSlurmStep;
  one_node["SLURM_STEP_NUM_NODES"] = "1";
  expect_job(one_node, 1, 4, true);
}

TEST(LaunchedJob, AnMpirunWithinSlurmIsTheLauncher) {
  Variables both = kSlurmStep;
  both.insert({{"OMPI_COMM_WORLD_RANK", "5"}, {"OMPI_COMM_WORLD_SIZE", "6"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "6"}});
  expect_job(both, 5, 6, true);
}

TEST(LaunchedJob, WithoutALauncherThereIsNone) {
  const auto none = job_of({});
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->has_value());
  const auto batch_script = job_of({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}});
  ASSERT_TRUE(batch_script.ok());
  EXPECT_FALSE(batch_script->has_value());
}

TEST(LaunchedJob, NonsenseIsNamed) {
  const auto text = job_of({{"PMI_RANK", "one"}, {"PMI_SIZE", "2"}});
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().message, "the launcher has set PMI_RANK to \"one\": must be a number of at least 0");
  const auto large = job_of({{"PMI_RANK", "2"}, {"PMI_SIZE", "2"}});
  ASSERT_FALSE(large.ok());
  EXPECT_EQ(large.error().message, "the launcher has set PMI_RANK to 2, and PMI_SIZE to 2");
}

std::string ranks_error(int32_t tp_size, int32_t num_processes, const std::string& given) {
  const auto ranks = ranks_of_processes({.tp_size = tp_size}, num_processes, given);
  return ranks.ok() ? "none" : ranks.error().message;
}

TEST(RanksOfProcesses, AreTheSameOrAsGiven) {
  EXPECT_EQ(*ranks_of_processes({.tp_size = 8}, 8, ""), std::vector<int32_t>(8, 1));
  EXPECT_EQ(*ranks_of_processes({.tp_size = 8}, 2, ""), (std::vector<int32_t>{4, 4}));
  EXPECT_EQ(*ranks_of_processes({.tp_size = 4}, 2, "3,1"), (std::vector<int32_t>{3, 1}));
}

TEST(RanksOfProcesses, MustAddUp) {
  EXPECT_EQ(ranks_error(4, 3, ""),
            "4 ranks (--tp-size) are not divisible over 3 processes: start another number of them, or say how many "
            "ranks each has, as in --process-ranks 3,1");
  EXPECT_EQ(ranks_error(4, 2, "2,1,1"), "--process-ranks 2,1,1 is for 3 processes: the launcher has started 2");
  EXPECT_EQ(ranks_error(4, 2, "2,1"), "--process-ranks 2,1 has 3 ranks in all: --tp-size is 4");
  EXPECT_NE(ranks_error(4, 2, "2,x").find("must be numbers from 1 to 4096"), std::string::npos);
}

}  // namespace
}  // namespace braid
