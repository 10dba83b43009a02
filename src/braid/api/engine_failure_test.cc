// A lost rank ends the engine: every request gets an error with the reason, and no caller hangs.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>

#include "tests/support/api/tiny_engine.h"

namespace braid {
namespace {

using testing::generate;
using testing::kTinyModel;
using testing::load_tiny_engine;

GenerationRequest request_of(const std::string& prompt) {
  GenerationRequest request{.prompt = prompt};
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = 16;
  request.ignore_eos = true;
  return request;
}

// What callers see after a rank's fault: the request's error, on_failure's reason, the stats and the next refusal.
struct FailedEngine {
  std::string request_error;
  std::string told;
  std::string failure;
  std::string refusal;
};

FailedEngine run_with_fault(double timeout_s, const std::function<void()>& fault) {
  EngineOptions options{.source = {.model_path = kTinyModel}};
  options.rank.layout = {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  options.rank.threads_per_rank = 1;
  options.rank.max_total_tokens = 1024;
  options.rank.collective_timeout_s = timeout_s;
  std::atomic<int> num_steps = 0;
  options.before_step = [&](int32_t, int32_t tp_rank) {
    if (tp_rank == 3 && ++num_steps == 3) fault();
  };
  std::promise<std::string> told;
  options.on_failure = [&](const std::string& reason) { told.set_value(reason); };
  const auto engine = load_tiny_engine(options);
  FailedEngine failed{.request_error = generate(*engine, request_of("The quick brown fox")).at(0).last.error};
  failed.told = told.get_future().get();
  failed.failure = engine->stats().failure;
  const auto refused = engine->try_submit(request_of("x"), [](const Delta&) {});
  if (!refused.ok()) failed.refusal = refused.error().message;
  return failed;
}

TEST(EngineFailure, ARankThatThrowsEndsEveryRequestWithItsReason) {
  const FailedEngine failed = run_with_fault(30, [] { throw std::runtime_error("rank 3 has no memory"); });
  EXPECT_EQ(failed.request_error, "the engine has failed: rank 3 has no memory");
  EXPECT_EQ(failed.told, failed.request_error);
  EXPECT_EQ(failed.failure, failed.request_error);
  EXPECT_EQ(failed.refusal, failed.request_error);
}

TEST(EngineFailure, ARankThatIsTooLateEndsEveryRequestAfterTheTimeout) {
  const FailedEngine failed = run_with_fault(0.5, [] { std::this_thread::sleep_for(std::chrono::milliseconds(1500)); });
  EXPECT_NE(failed.request_error.find("waited longer than 0.5 s"), std::string::npos) << failed.request_error;
  EXPECT_EQ(failed.refusal, failed.request_error);
}

}  // namespace
}  // namespace braid
