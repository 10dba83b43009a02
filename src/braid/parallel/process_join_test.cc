#include "braid/parallel/process_join.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/parallel/memory_port.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid {
namespace {

using testing::memory_ports;
using testing::on_each_rank;

// What each process gets; it calls with its own options.
std::vector<Result<RankSpread>> join_all(const std::vector<JoinOptions>& options) {
  const auto ports = memory_ports(static_cast<int32_t>(options.size()));
  std::vector<Result<RankSpread>> results(options.size(), Error{});
  on_each_rank(static_cast<int32_t>(options.size()), [&](int32_t process) {
    const auto i = static_cast<size_t>(process);
    results[i] = join_processes(*ports[i], options[i]);
  });
  return results;
}

std::string error_of_all(const std::vector<JoinOptions>& options) {
  const auto results = join_all(options);
  for (const auto& result : results) {
    if (result.ok()) return "none";
    EXPECT_EQ(result.error().message, results.front().error().message);
  }
  return results.front().error().message;
}

constexpr ParallelLayout kFourRanks{.tp_size = 4};

TEST(ProcessJoin, TellsWhichProcessHasWhichRanks) {
  const auto results = join_all({{.layout = kFourRanks, .num_ranks = 3}, {.layout = kFourRanks, .num_ranks = 1}});
  for (const auto& result : results) {
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->num_ranks(), 4);
    EXPECT_EQ(result->process_of(2), 0);
    EXPECT_EQ(result->process_of(3), 1);
  }
}

TEST(ProcessJoin, AProcessMayBeAlone) {
  const auto results = join_all({{.layout = kFourRanks, .num_ranks = 4}});
  ASSERT_TRUE(results.front().ok()) << results.front().error().message;
  EXPECT_EQ(results.front()->num_processes(), 1);
}

TEST(ProcessJoin, RanksMustAddUp) {
  EXPECT_EQ(error_of_all({{.layout = kFourRanks, .num_ranks = 3}, {.layout = kFourRanks, .num_ranks = 2}}),
            "the processes have 3 + 2 ranks, which is 5: --tp-size is 4");
}

TEST(ProcessJoin, LayoutsMustBeTheSame) {
  const ParallelLayout two_groups{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  EXPECT_EQ(error_of_all({{.layout = kFourRanks, .num_ranks = 2, .identity = "braid 1"},
                          {.layout = two_groups, .num_ranks = 2, .identity = "braid 1"}}),
            "the processes do not fit together: process 0 has \"messages 4, tp_size 4, dp_size 1, DP attention off, "
            "moe_parallel tp, head over each world, padding auto, sums as float32; braid 1\", process 1 has \"messages "
            "4, tp_size 4, dp_size 2, DP "
            "attention on, moe_parallel tp, head over each world, padding auto, sums as float32; braid 1\"");
}

TEST(ProcessJoin, IdentitiesMustBeTheSame) {
  const std::string error = error_of_all({{.layout = kFourRanks, .num_ranks = 2, .identity = "model a"},
                                          {.layout = kFourRanks, .num_ranks = 1, .identity = "model b"},
                                          {.layout = kFourRanks, .num_ranks = 1, .identity = "model a"}});
  EXPECT_NE(error.find("process 1 has"), std::string::npos) << error;
  EXPECT_NE(error.find("model b"), std::string::npos) << error;
}

TEST(ProcessJoin, TheWayOfTheExchangeMustBeTheSame) {
  const JoinOptions plain{.layout = kFourRanks, .num_ranks = 2, .identity = "braid 1"};
  JoinOptions rounded = plain;
  rounded.exchange_dtype = DType::kBFloat16;
  const std::string error = error_of_all({plain, rounded});
  EXPECT_NE(error.find("sums as float32"), std::string::npos) << error;
  EXPECT_NE(error.find("sums as bfloat16"), std::string::npos) << error;
  JoinOptions padded = plain;
  padded.padding = DpPadding::fixed(DpPaddingMode::kMaxLen);
  EXPECT_NE(error_of_all({plain, padded}).find("padding max_len"), std::string::npos);
}

TEST(ProcessJoin, AProcessThatDoesNotComeIsNamed) {
  const auto ports = memory_ports(2);
  const auto result =
      join_processes(*ports.front(), {.layout = kFourRanks, .num_ranks = 2, .identity = "braid 1", .timeout_s = 0.02});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "process 1 of 2 has not joined within 0.02 s");
  EXPECT_EQ(ports.front()->error(), "given up");
}

TEST(ProcessJoin, AnotherProgramIsRefused) {
  const auto ports = memory_ports(2);
  const std::string other = "hello";
  ports.back()->send(other.data(), other.size(), 0, 1);
  const auto result = join_processes(*ports.front(), {.layout = kFourRanks, .num_ranks = 2});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "process 1 joins with what is no greeting of braid: is it another program?");
}

TEST(ProcessJoin, ABrokenPortIsNamed) {
  const auto ports = memory_ports(2);
  ports.front()->fail("cable cut");
  const auto result = join_processes(*ports.front(), {.layout = kFourRanks, .num_ranks = 2});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "process 0: cable cut");
}

}  // namespace
}  // namespace braid
