// What a process leaves to the next one in memory that outlives it: keys, values and weights.
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <sstream>
#include <thread>

#include "tests/support/worker/rank_processes.h"

namespace braid {
namespace {

using testing::process_options;
using testing::Processes;
using testing::varied_request;

constexpr int32_t kNumInterrupted = 6;

SchedulerRequest interrupted_request(RequestId id) {
  SchedulerRequest request = varied_request(id);
  request.sampling.max_new_tokens = 60;
  return request;
}

// Its later steps are slow, so that the test's thread ends them midway however busy the machine is.
WorkerOptions slow_later_steps() {
  return {.before_step = [](int32_t, int32_t, const StepPlan& plan) {
    if (plan.step > 20) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }};
}

// The requests go on in other processes, with the tokens that they had.
TEST(KeptRanks, TheNextStartComputesNothingAgain) {
  const std::vector<std::pair<ParallelLayout, std::vector<int32_t>>> cases{
      {{.tp_size = 1}, {1}},
      {{.tp_size = 2}, {1, 1}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {1, 1, 1, 1}},
      {{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, {3, 1}}};
  for (const auto& [layout, spread] : cases) {
    std::vector<std::string> names;
    for (int64_t rank = 0; rank < layout.tp_size; ++rank) {
      names.push_back(kept_memory_name(0, rank));
      names.push_back(kept_weights_name(0, rank));
    }
    const auto keeper =
        MemoryKeeper::make(std::filesystem::path(::testing::TempDir()) / ("ranks-" + std::to_string(getpid())), names);
    ASSERT_TRUE(keeper.ok()) << keeper.error().message;
    RankOptions options = process_options(layout);
    const auto group_of = [&](RequestId id) { return static_cast<int32_t>(id) % layout.num_groups(); };
    const auto begin = [&](Processes& processes) {
      for (RequestId id = 1; id <= kNumInterrupted; ++id) {
        GroupCommand command{.group = group_of(id)};
        command.add.push_back(interrupted_request(id));
        processes.send(std::move(command));
      }
    };
    Processes undisturbed(options, spread);
    begin(undisturbed);
    const auto expected = undisturbed.outcomes.wait_for(kNumInterrupted);

    options.kept = {.key = "these ranks", .folder = keeper->folder().string(), .world = 0};
    std::map<RequestId, std::vector<SampledToken>> had;
    {
      Processes first(options, spread, slow_later_steps());
      EXPECT_EQ(first.ranks(0).num_kept_tokens(), 0);
      begin(first);
      for (RequestId id = 1; id <= kNumInterrupted; ++id) first.outcomes.wait_for_tokens(id, 3 + id);
      first.end();
      had = first.outcomes.tokens();
    }
    std::ostringstream lines;
    Processes second(options, spread, {}, "gguf_qwen3_moe",
                     std::make_shared<Logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)));
    uint64_t num_missing = 0;
    int32_t num_going_on = 0;
    for (RequestId id = 1; id <= kNumInterrupted; ++id) {
      GroupCommand command{.group = group_of(id)};
      MovingSequence moving{.move = {.id = id, .from_group = group_of(id), .to_group = group_of(id)},
                            .sequence = {.request = interrupted_request(id)}};
      for (const SampledToken& token : had[id]) moving.sequence.output.push_back(token.token);
      if (had[id].size() == expected.at(id).size()) continue;
      num_missing += expected.at(id).size() - had[id].size();
      ++num_going_on;
      command.arrive.push_back(std::move(moving));
      second.send(std::move(command));
    }
    EXPECT_GE(num_going_on, 1);
    for (auto& [id, tokens] : second.outcomes.wait_for(num_going_on)) {
      had[id].insert(had[id].end(), tokens.begin(), tokens.end());
    }
    EXPECT_EQ(had, expected);
    EXPECT_EQ(second.outcomes.num_step_tokens(), num_missing) << spread.size() << " processes";
    size_t num_taken_over = 0;  // by processes, of weights
    const std::string log = lines.str();
    for (size_t at = 0; (at = log.find("of weights taken over", at)) != std::string::npos; ++at) ++num_taken_over;
    EXPECT_EQ(num_taken_over, spread.size()) << log;
  }
}

TEST(KeptRanks, NothingIsTakenOverThatOneRankOfTheGroupLacks) {
  const ParallelLayout layout{.tp_size = 2};
  const auto folder = std::filesystem::path(::testing::TempDir()) / ("lacks-" + std::to_string(getpid()));
  RankOptions options = process_options(layout);
  options.kept = {.key = "these ranks", .folder = folder.string(), .world = 0};
  for (const bool lacks : {false, true}) {
    const auto keeper = MemoryKeeper::make(folder, std::vector{kept_memory_name(0, 0), kept_memory_name(0, 1)});
    ASSERT_TRUE(keeper.ok());
    for (const bool is_second : {false, true}) {
      if (is_second && lacks) {
        ASSERT_TRUE(KeptMemory::open(folder, kept_memory_name(0, 1), 0).value()->clear(0).ok());
      }
      Processes processes(options, {1, 1});
      EXPECT_EQ(processes.ranks(0).num_kept_tokens() > 0, is_second && !lacks);
      GroupCommand command;
      command.add.push_back(varied_request(1));
      processes.send(std::move(command));
      processes.outcomes.wait_for(1);
    }
  }
}

}  // namespace
}  // namespace braid
