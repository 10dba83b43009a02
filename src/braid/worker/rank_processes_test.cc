// The ranks of one world in several processes, which are threads of the test here: the bits of the same layout in one
// process, whichever process has which ranks, and an end that every process hears of.
#include "tests/support/worker/rank_processes.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

namespace braid {
namespace {

using testing::Hosts;
using testing::on_each_rank;
using testing::process_options;
using testing::Processes;
using testing::varied_request;

std::map<RequestId, std::vector<SampledToken>> tokens_of(const ParallelLayout& layout,
                                                         const std::vector<int32_t>& ranks_of_each,
                                                         Hosts hosts = Hosts::kMany) {
  Processes processes(process_options(layout), ranks_of_each, {}, "gguf_qwen3_moe", make_null_logger(), hosts);
  constexpr int32_t kNumRequests = 6;
  for (RequestId id = 1; id <= kNumRequests; ++id) {
    GroupCommand command{.group = static_cast<int32_t>(id) % layout.num_groups()};
    command.add.push_back(varied_request(id));
    processes.send(std::move(command));
  }
  return processes.outcomes.wait_for(kNumRequests);
}

TEST(RankProcesses, HaveTheBitsOfOneProcess) {
  const std::vector<std::pair<ParallelLayout, std::vector<std::vector<int32_t>>>> cases{
      {{.tp_size = 2}, {{1, 1}}},
      {{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}, {{1, 1}}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {{2, 2}, {3, 1}, {1, 1, 1, 1}}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true, .moe_parallel = MoeParallel::kEp}, {{1, 3}}}};
  for (const auto& [layout, spreads] : cases) {
    const auto expected = tokens_of(layout, {layout.tp_size});
    EXPECT_EQ(expected.size(), 6U);
    for (const auto& spread : spreads) {
      EXPECT_EQ(tokens_of(layout, spread), expected) << "tp_size " << layout.tp_size << ", " << spread.size();
      EXPECT_EQ(tokens_of(layout, spread, Hosts::kOne), expected) << "tp_size " << layout.tp_size << ", one host";
    }
  }
}

// What six requests get, and how many of rank 0's steps were in halves, by the log and as groups have counted.
struct OfModel {
  std::map<RequestId, std::vector<SampledToken>> tokens;
  int64_t num_halved = 0;
  uint64_t num_counted = 0;
};

OfModel run_model(const std::string& model, const RankOptions& options, const std::vector<int32_t>& ranks_of_each,
                  Hosts hosts = Hosts::kMany) {
  std::ostringstream lines;
  const auto logger = std::make_shared<Logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
  logger->set_level(spdlog::level::debug);
  OfModel out;
  {
    Processes processes(options, ranks_of_each, {}, model, logger, hosts);
    constexpr int32_t kNumRequests = 6;
    for (RequestId id = 1; id <= kNumRequests; ++id) {
      GroupCommand command{.group = static_cast<int32_t>(id) % options.layout.num_groups()};
      command.add.push_back(varied_request(id));
      processes.send(std::move(command));
    }
    out.tokens = processes.outcomes.wait_for(kNumRequests);
    out.num_counted = processes.outcomes.num_halved();
  }
  const std::string text = lines.str();
  constexpr std::string_view kHalves = ", in halves";
  for (size_t at = 0; (at = text.find(kHalves, at)) != std::string::npos; at += kHalves.size()) ++out.num_halved;
  return out;
}

// All shapes of layers, windows among them; prompts are cut into chunks, and chunks into halves.
TEST(RankProcesses, HalvesHaveTheBitsOfWholeSteps) {
  const ParallelLayout two{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  ParallelLayout experts = two;
  experts.moe_parallel = MoeParallel::kEp;
  struct Case {
    std::string model;
    ParallelLayout layout;
    std::vector<int32_t> ranks_of_each;
  };
  const std::vector<Case> cases{{"gguf_qwen3", two, {1, 1}},         {"gguf_qwen3_moe", two, {1, 1}},
                                {"gguf_qwen3_moe", experts, {1, 1}}, {"gguf_gemma2", two, {1, 1}},
                                {"gguf_olmo2", two, {1, 1}},         {"gguf_phi3_window", two, {1, 1}}};
  for (const Case& one : cases) {
    RankOptions options = process_options(one.layout);
    const OfModel expected = run_model(one.model, options, {one.layout.tp_size});
    EXPECT_EQ(expected.num_halved, 0) << "nothing travels";
    options.overlap_halves = OverlapHalves::kOn;
    for (const auto mode : {DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact}) {
      options.dp_padding = DpPadding::fixed(mode);
      const Hosts hosts = mode == DpPaddingMode::kExact ? Hosts::kOne : Hosts::kMany;
      const OfModel halves = run_model(one.model, options, one.ranks_of_each, hosts);
      EXPECT_EQ(halves.tokens, expected.tokens) << one.model << " " << padding_mode_name(mode);
      if (mode == DpPaddingMode::kSumLen) {
        EXPECT_EQ(halves.num_halved, 0) << "its gather cannot overlap";
        EXPECT_EQ(halves.num_counted, 0U);
      } else {
        EXPECT_GT(halves.num_halved, 5) << one.model;
        EXPECT_EQ(halves.num_counted, static_cast<uint64_t>(halves.num_halved)) << one.model;
      }
    }
  }
}

TEST(RankProcesses, HaveEqualPoolsAndTheirOwnShareOfTheWeights) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  const Processes one(process_options(layout), {4});
  const Processes three(process_options(layout), {2, 1, 1});
  int64_t weight_bytes = 0;
  for (size_t process = 0; process < 3; ++process) {
    EXPECT_EQ(three.ranks(process).scheduler_config().num_pages, one.ranks(0).scheduler_config().num_pages);
    weight_bytes += three.ranks(process).weight_bytes();
  }
  EXPECT_LT(three.ranks(1).weight_bytes(), one.ranks(0).weight_bytes() / 2);
  EXPECT_GE(weight_bytes, one.ranks(0).weight_bytes()) << "attention of equal heads is in every process";
  EXPECT_EQ(three.ranks(0).published_groups(0), std::vector<int32_t>{0});
  EXPECT_EQ(three.ranks(1).published_groups(0), std::vector<int32_t>{1});
  EXPECT_EQ(three.ranks(2).published_groups(0), std::vector<int32_t>{});
}

TEST(RankProcesses, HearOfAnEndAlsoWhileTheySleep) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  Processes processes(process_options(layout), {1, 1});
  processes.ranks(1).world(0)->abort("the machine is on fire");
  const auto failures = processes.outcomes.wait_for_failures(2);
  for (const std::string& failure : failures) {
    EXPECT_NE(failure.find("the machine is on fire"), std::string::npos) << failure;
  }
}

TEST(RankProcesses, AFailureOfOneRankEndsAllProcesses) {
  const ParallelLayout layout{.tp_size = 2};
  Processes processes(process_options(layout), {1, 1},
                      {.before_step = [](int32_t, int32_t tp_rank, const StepPlan& plan) {
                        if (tp_rank == 1 && plan.step == 3) throw std::runtime_error("the rank's memory is gone");
                      }});
  GroupCommand command;
  command.add.push_back(varied_request(1));
  processes.send(std::move(command));
  for (const std::string& failure : processes.outcomes.wait_for_failures(2)) {
    EXPECT_NE(failure.find("the rank's memory is gone"), std::string::npos) << failure;
  }
}

}  // namespace
}  // namespace braid
