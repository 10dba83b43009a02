#include "braid/controller/step_log.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

namespace braid {
namespace {

class StepLogTest : public ::testing::Test {
 protected:
  StepLogTest() { logger_->set_pattern("%v"); }
  std::string take() {
    std::string text = lines_.str();
    lines_.str("");
    return text;
  }

  std::ostringstream lines_;
  std::shared_ptr<Logger> logger_ =
      std::make_shared<Logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines_));
};

TEST_F(StepLogTest, EachStepWithPromptsHasALine) {
  StepLog log(logger_);
  const SchedulerStats stats{.num_running = 3,
                             .num_waiting = 1,
                             .num_pages = 8,
                             .num_free_pages = 4,
                             .num_cached_pages = 2,
                             .num_cached_tokens = 32};
  log.after_step({.num_sequences = 3, .num_prefills = 2, .num_prompt_tokens = 128}, stats, 4, 1, 1.0);
  EXPECT_EQ(take(),
            "Prefill batch. #new-seq: 2, #new-token: 128, #cached-token: 32, token usage: 0.25, #running-req: 3, "
            "#queue-req: 5\n");
  log.after_step({.num_sequences = 1, .num_prefills = 1, .num_prompt_tokens = 10}, stats, 0, 1, 1.1);
  EXPECT_NE(take().find("#new-seq: 1, #new-token: 10, #cached-token: 0,"), std::string::npos);
}

TEST_F(StepLogTest, AGroupBesideOthersIsNamed) {
  StepLog log(logger_, 1);
  log.after_step({.num_sequences = 1, .num_prefills = 1, .num_prompt_tokens = 10}, {}, 0, 1, 1.1);
  EXPECT_EQ(take().substr(0, 42), "Prefill batch. dp_rank: 1, #new-seq: 1, #n");
}

TEST_F(StepLogTest, EveryFortiethDecodeStepHasALineWithTheRateSinceTheLast) {
  StepLog log(logger_);
  const SchedulerStats stats{.num_running = 2, .num_pages = 10, .num_free_pages = 5};
  const StepShape step{.num_sequences = 2, .num_context_tokens = 32};
  std::string lines;
  for (int i = 0; i < 80; ++i) {
    log.after_step(step, stats, 3, 2 * static_cast<uint64_t>(i), i * 0.1);
    const std::string line = take();
    EXPECT_EQ(line.empty(), i != 39 && i != 79) << i;
    if (!line.empty()) lines = line;
  }
  EXPECT_EQ(lines,
            "Decode batch. #running-req: 2, #token: 32, token usage: 0.50, gen throughput (token/s): 20.00, "
            "#queue-req: 3\n");
}

}  // namespace
}  // namespace braid
