// A lost rank ends its world. If no replica is left, every request gets an error with the reason, and no caller hangs;
// otherwise the requests go on in the others.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

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
  options.max_restarts = 0;
  std::atomic<int> num_steps = 0;
  options.before_step = [&](int32_t, int32_t tp_rank, const StepPlan&) {
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

// Two replicas of one rank each. `fault` happens in the fourth step of replica 0.
std::unique_ptr<Engine> load_replicas(DispatchMode dispatch, std::atomic<int>& num_steps, std::function<void()> fault) {
  EngineOptions options{.source = {.model_path = kTinyModel}};
  options.rank.layout = {.dp_size = 2};
  options.rank.threads_per_rank = 1;
  options.rank.max_total_tokens = 2048;
  options.rank.collective_timeout_s = 2;
  options.max_restarts = 0;
  options.dispatch_mode = dispatch;
  options.before_step = [&num_steps, fault = std::move(fault)](int32_t world, int32_t, const StepPlan&) {
    if (world == 0 && ++num_steps == 4) fault();
  };
  return load_tiny_engine(options);
}

struct LostReplica {
  std::vector<std::vector<SampledToken>> tokens;  // of eight requests, of which half run in replica 0
  std::vector<FinishReason> finishes;
  std::vector<EngineStats::LostGroup> lost;
  std::string failure;
};

LostReplica run_in_replicas(DispatchMode dispatch, const std::function<void()>& fault, std::promise<void>* go_on) {
  std::atomic<int> num_steps = 0;
  const auto engine = load_replicas(dispatch, num_steps, fault);
  constexpr int kRequests = 8;
  std::vector<std::promise<Delta>> ends(kRequests);
  LostReplica result{
      .tokens = std::vector<std::vector<SampledToken>>(kRequests), .finishes = {}, .lost = {}, .failure = {}};
  for (int i = 0; i < kRequests; ++i) {
    GenerationRequest request = request_of(fmt::format("Once upon a time {} and", i));
    request.dp_rank = i % 2;
    EXPECT_TRUE(engine
                    ->submit(request,
                             [&, i](const Delta& delta) {
                               auto& tokens = result.tokens[static_cast<size_t>(i)];
                               tokens.insert(tokens.end(), delta.tokens.begin(), delta.tokens.end());
                               if (delta.finish != FinishReason::kNone) ends[static_cast<size_t>(i)].set_value(delta);
                             })
                    .ok());
  }
  for (auto& end : ends) result.finishes.push_back(end.get_future().get().finish);
  // What comes later is served too.
  EXPECT_EQ(generate(*engine, request_of("The end")).at(0).last.finish, FinishReason::kLength);
  const EngineStats stats = engine->stats();
  result.lost = stats.lost_groups;
  result.failure = stats.failure;
  if (go_on != nullptr) go_on->set_value();  // the engine waits for the rank when it ends
  return result;
}

void expect_lost_replica_changed_nothing(const LostReplica& lost, const LostReplica& whole) {
  EXPECT_EQ(lost.failure, "");
  ASSERT_EQ(lost.lost.size(), 1U);
  EXPECT_EQ(lost.lost[0].group, 0);
  EXPECT_EQ(lost.finishes, std::vector<FinishReason>(8, FinishReason::kLength));
  for (size_t i = 0; i < lost.tokens.size(); ++i) EXPECT_EQ(lost.tokens[i], whole.tokens[i]) << "request " << i;
}

TEST(EngineFailure, RequestsOfAReplicaThatHangsGoOnInTheOther) {
  const LostReplica whole = run_in_replicas(
      DispatchMode::kBroadcast, [] {}, nullptr);
  EXPECT_TRUE(whole.lost.empty());
  for (const auto dispatch : {DispatchMode::kBroadcast, DispatchMode::kDirect}) {
    std::promise<void> go_on;
    const LostReplica lost = run_in_replicas(
        dispatch, [future = go_on.get_future().share()] { future.wait(); }, &go_on);
    expect_lost_replica_changed_nothing(lost, whole);
    ASSERT_EQ(lost.lost.size(), 1U);
    EXPECT_EQ(lost.lost[0].reason, "its ranks have work and do not get on");
  }
}

TEST(EngineFailure, RequestsOfAReplicaThatThrowsGoOnInTheOther) {
  const LostReplica whole = run_in_replicas(
      DispatchMode::kBroadcast, [] {}, nullptr);
  const LostReplica lost = run_in_replicas(
      DispatchMode::kBroadcast, [] { throw std::runtime_error("no memory"); }, nullptr);
  expect_lost_replica_changed_nothing(lost, whole);
}

TEST(EngineFailure, AReplicaThatComputesForLongIsNotLost) {
  const auto compute = [] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    volatile uint64_t sum = 0;
    while (std::chrono::steady_clock::now() < end) sum = sum + 1;
  };
  const LostReplica slow = run_in_replicas(DispatchMode::kBroadcast, compute, nullptr);
  EXPECT_TRUE(slow.lost.empty());
  EXPECT_EQ(slow.finishes, std::vector<FinishReason>(8, FinishReason::kLength));
}

}  // namespace
}  // namespace braid
