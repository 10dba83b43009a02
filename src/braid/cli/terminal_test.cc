// A process whose engine has lost a rank ends by itself, even if that rank stays stuck.
#include "braid/cli/terminal.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "tests/support/base/test_pipe.h"

namespace braid {
namespace {

[[noreturn]] void be_stuck() {
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  while (true) never.wait(lock);
}

void run_with_a_stuck_rank() {
  EngineOptions options{.source = {.model_path = "tests/fixtures/models/gguf_qwen3/model.gguf"}};
  options.rank.layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  options.rank.max_total_tokens = 512;
  options.rank.collective_timeout_s = 0.5;
  options.max_restarts = 0;
  options.before_step = [](int32_t, int32_t tp_rank, const StepPlan&) {
    if (tp_rank == 1) be_stuck();
  };
  const auto engine = load_engine(options, "error");
  CHECK(engine.ok(), "{}", engine.error().message);
  GenerationRequest request{.prompt = "x"};
  const auto id = (*engine)->submit(request, [](const Delta&) {});
  CHECK(id.ok());
  (*engine)->wait(*id);  // it ends with an error; the engine's destructor would wait for the rank for ever
}

TEST(LoadEngine, ALostRankEndsTheProcessThoughItStaysStuck) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_with_a_stuck_rank(), ::testing::ExitedWithCode(kExitEngineFailed), "waited longer than 0.5 s");
}

TEST(LoadEngine, ALostRankEndsTheProcessThoughNobodyReadsItsLog) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto run = [] {
    testing::TestPipe pipe;
    pipe.fill();
    ::dup2(pipe.write_end(), STDERR_FILENO);
    run_with_a_stuck_rank();
  };
  EXPECT_EXIT(run(), ::testing::ExitedWithCode(kExitEngineFailed), "");
}

}  // namespace
}  // namespace braid
