// A world of ranks that fails starts again, and every request goes on behind its last token with the bits of a run
// without the fault, in every layout and with everything that a request may ask for.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <stdexcept>
#include <thread>

#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/wire/step_plan.h"
#include "tests/support/api/tiny_engine.h"

namespace braid {
namespace {

using testing::generate;
using testing::kTinyModel;
using testing::load_tiny_engine;
using testing::Output;
using testing::Outputs;
using testing::take_delta;

struct RestartLayout {
  std::string name;
  ParallelLayout layout;
};
void PrintTo(const RestartLayout& tested, std::ostream* out) {
  *out << tested.name;
}

EngineOptions restart_options(const ParallelLayout& layout) {
  EngineOptions options{.source = {.model_path = kTinyModel}};
  options.rank = {.layout = layout,
                  .threads_per_rank = 1,
                  .chunked_prefill_size = 32,
                  .max_running_requests = 16,
                  .max_total_tokens = 4096};
  options.max_restarts = 10;
  return options;
}

GenerationRequest greedy_request(const std::string& prompt, int32_t max_new_tokens = 24) {
  GenerationRequest request{.prompt = prompt, .ignore_eos = true};
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = max_new_tokens;
  return request;
}

// One of each kind.
std::vector<GenerationRequest> requests_of_all_kinds(Engine& engine) {
  std::vector<GenerationRequest> requests;
  requests.push_back(greedy_request("The quick brown fox"));

  GenerationRequest sampled = greedy_request("Once upon a time");
  sampled.sampling.temperature = 0.9F;
  sampled.sampling.seed = 7;
  sampled.sampling.repetition_penalty = 1.2F;
  sampled.sampling.frequency_penalty = 0.3F;
  sampled.n = 3;
  requests.push_back(sampled);

  GenerationRequest scored = greedy_request(std::string(200, 'a') + " and so on");
  scored.sampling.logprobs = true;
  scored.sampling.top_logprobs = 3;
  scored.sampling.prompt_logprobs_start = 0;
  requests.push_back(scored);

  GenerationRequest masked = sampled;
  masked.n = 2;
  masked.grammar = GrammarConstraint{.grammar = *engine.grammars().regex("[a-c]{20,30}-[0-9]{12}")};
  masked.sampling.max_new_tokens = 60;
  requests.push_back(masked);

  GenerationRequest stopped = greedy_request("It was a dark and stormy night");
  const std::string text = generate(engine, stopped).at(0).text;
  stopped.stop_strings = {text.substr(text.size() / 2, 3)};
  requests.push_back(stopped);
  return requests;
}

void expect_equal(const Output& restarted, const Output& whole, const std::string& what) {
  EXPECT_EQ(restarted.text, whole.text) << what;
  EXPECT_EQ(restarted.tokens, whole.tokens) << what;
  EXPECT_EQ(restarted.prompt_logprobs, whole.prompt_logprobs) << what;
  EXPECT_EQ(restarted.last.finish, whole.last.finish) << what << ": " << restarted.last.error;
  EXPECT_EQ(restarted.last.matched_stop, whole.last.matched_stop) << what;
  EXPECT_EQ(restarted.last.usage.output_tokens, whole.last.usage.output_tokens) << what;
}

// Submits all before any runs, where a rank waits for `are_submitted`.
std::vector<Outputs> generate_together(Engine& engine, const std::vector<GenerationRequest>& requests,
                                       std::promise<void>* are_submitted = nullptr) {
  std::vector<Outputs> all(requests.size());
  std::vector<SubmissionId> ids;
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto id = engine.submit(requests[i], [&own = all[i]](const Delta& delta) { take_delta(own, delta); });
    CHECK(id.ok(), "{}", id.error().message);
    ids.push_back(*id);
  }
  if (are_submitted != nullptr) are_submitted->set_value();
  for (const SubmissionId id : ids) engine.wait(id);
  return all;
}

// A replica may start again after its requests have ended in the others.
EngineStats stats_after_restarts(const Engine& engine, uint64_t num_restarts) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (engine.stats().worlds.at(0).num_restarts < num_restarts && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return engine.stats();
}

// An engine whose rank throws in some of its steps, counted from when `is_armed` is set.
struct FaultyEngine {
  FaultyEngine(const ParallelLayout& layout, std::set<int> at_steps) : faulty_steps(std::move(at_steps)) {
    EngineOptions options = restart_options(layout);
    const int32_t faulty_rank = layout.tp_size - 1;
    options.before_step = [this, faulty_rank](int32_t world, int32_t tp_rank, const StepPlan&) {
      if (world != 0 || tp_rank != faulty_rank || !is_armed) return;
      if (num_steps == 0) may_begin.wait();
      if (faulty_steps.contains(++num_steps)) throw std::runtime_error("the rank has no memory");
    };
    engine = load_tiny_engine(options);
  }

  const std::set<int> faulty_steps;
  std::atomic<bool> is_armed = false;
  std::atomic<int> num_steps = 0;
  std::promise<void> are_submitted;
  const std::shared_future<void> may_begin = are_submitted.get_future().share();
  std::unique_ptr<Engine> engine;
};

class EngineRestart : public ::testing::TestWithParam<RestartLayout> {};

TEST_P(EngineRestart, RequestsGoOnWithTheSameBits) {
  const auto whole_engine = load_tiny_engine(restart_options(GetParam().layout));
  const std::vector<Outputs> whole = generate_together(*whole_engine, requests_of_all_kinds(*whole_engine));
  // In the first prefill, between later ones, while all decode, and one that comes while the requests are resumed.
  for (const std::set<int>& at_steps : {std::set<int>{1}, {3}, {14}, {9, 10}}) {
    FaultyEngine faulty(GetParam().layout, at_steps);
    const std::vector<GenerationRequest> requests = requests_of_all_kinds(*faulty.engine);
    faulty.is_armed = true;
    const std::vector<Outputs> restarted = generate_together(*faulty.engine, requests, &faulty.are_submitted);
    // With replicas the others may do the rest.
    const size_t num_restarts = GetParam().layout.num_worlds() == 1 ? at_steps.size() : 1;
    const EngineStats stats = stats_after_restarts(*faulty.engine, num_restarts);
    const std::string where = fmt::format("a fault in step {}", *at_steps.begin());
    EXPECT_EQ(stats.failure, "") << where;
    EXPECT_EQ(stats.num_set_aside, 0U) << where;
    EXPECT_GT(stats.num_resumed, 0U) << where;
    EXPECT_EQ(stats.worlds.at(0).num_restarts, num_restarts) << where;
    EXPECT_EQ(stats.worlds.at(0).state, WorldStatus::State::kRuns) << where;
    EXPECT_EQ(stats.worlds.at(0).last_error, "the rank has no memory") << where;
    EXPECT_TRUE(stats.lost_groups.empty()) << where;
    for (size_t i = 0; i < whole.size(); ++i) {
      ASSERT_EQ(restarted[i].size(), whole[i].size());
      for (const auto& [index, output] : whole[i]) {
        expect_equal(restarted[i].at(index), output, fmt::format("{}, choice {} of request {}", where, index, i));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, EngineRestart,
    ::testing::Values(RestartLayout{"one", {}}, RestartLayout{"tp2", {.tp_size = 2}},
                      RestartLayout{"dp2", {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}},
                      RestartLayout{"tp4_dp2", {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}},
                      RestartLayout{"replicas", {.tp_size = 2, .dp_size = 2}}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(EngineRestarts, ARankThatIsLateEndsItsWorldAndItStartsAgain) {
  EngineOptions options = restart_options({.tp_size = 2});
  options.rank.collective_timeout_s = 1;
  std::atomic<int> num_steps = 0;
  options.before_step = [&](int32_t, int32_t tp_rank, const StepPlan&) {
    if (tp_rank == 1 && ++num_steps == 5) std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  };
  const auto engine = load_tiny_engine(options);
  const GenerationRequest request = greedy_request("The quick brown fox");
  const Output late = generate(*engine, request).at(0);
  EXPECT_EQ(engine->stats().worlds.at(0).num_restarts, 1U);
  EXPECT_NE(engine->stats().worlds.at(0).last_error.find("waited longer than 1 s"), std::string::npos);
  expect_equal(generate(*engine, request).at(0), late, "a run without a fault");
}

TEST(EngineRestarts, ARankThatDoesNotComeBackEndsTheEngine) {
  EngineOptions options = restart_options({.tp_size = 2});
  options.rank.collective_timeout_s = 0.5;
  std::promise<void> go_on;
  std::atomic<int> num_steps = 0;
  options.before_step = [&, future = go_on.get_future().share()](int32_t, int32_t tp_rank, const StepPlan&) {
    if (tp_rank == 1 && ++num_steps == 3) future.wait();
  };
  const auto engine = load_tiny_engine(options);
  const Output output = generate(*engine, greedy_request("The quick brown fox")).at(0);
  EXPECT_EQ(output.last.finish, FinishReason::kError);
  EXPECT_EQ(output.last.error, "the engine has failed: a rank's thread has not come back within 0.5 s");
  go_on.set_value();  // the engine waits for the rank when it ends
}

TEST(EngineRestarts, WhenRestartsAreUsedUpTheEngineEnds) {
  EngineOptions options = restart_options({.tp_size = 2});
  options.max_restarts = 2;
  std::atomic<bool> is_broken = false;
  options.before_step = [&](int32_t, int32_t tp_rank, const StepPlan&) {
    if (tp_rank == 0 && is_broken) throw std::runtime_error("the rank has no memory");
  };
  const auto engine = load_tiny_engine(options);
  is_broken = true;
  // Neither request gets a token, so that both are suspected, and one is set aside.
  const std::vector<Outputs> outputs =
      generate_together(*engine, {greedy_request("The quick brown fox"), greedy_request("Once upon a time")});
  for (const Outputs& own : outputs) EXPECT_EQ(own.at(0).last.finish, FinishReason::kError);
  EXPECT_EQ(engine->stats().worlds.at(0).num_restarts, 2U);
  EXPECT_EQ(engine->stats().worlds.at(0).state, WorldStatus::State::kLost);
  EXPECT_EQ(engine->stats().failure, "the engine has failed: the rank has no memory");
}

constexpr TokenId kPoison = 251;

// No rank survives a step with the poisonous token.
std::unique_ptr<Engine> load_engine_with_poison() {
  EngineOptions options = restart_options({.tp_size = 2});
  options.before_step = [](int32_t, int32_t, const StepPlan& plan) {
    for (const SequencePlan& sequence : plan.sequences) {
      if (std::ranges::find(sequence.new_tokens, kPoison) != sequence.new_tokens.end()) {
        throw std::runtime_error("the kernel cannot compute this");
      }
    }
  };
  return load_tiny_engine(options);
}

GenerationRequest poisonous_request() {
  GenerationRequest request = greedy_request("");
  request.prompt = std::vector<TokenId>{30, 31, kPoison};
  return request;
}

TEST(EngineRestarts, ARequestThatEndsItsWorldTwiceIsSetAside) {
  const auto engine = load_engine_with_poison();
  const Output output = generate(*engine, poisonous_request()).at(0);
  EXPECT_EQ(output.last.finish, FinishReason::kError);
  EXPECT_EQ(output.last.error,
            "the request is set aside: its ranks failed twice while it ran and got no token (the kernel cannot compute "
            "this)");
  EXPECT_EQ(stats_after_restarts(*engine, 2).worlds.at(0).num_restarts, 2U);
  EXPECT_EQ(engine->stats().num_set_aside, 1U);
}

TEST(EngineRestarts, TheOthersGoOnBesideARequestThatEndsItsWorld) {
  const auto engine = load_engine_with_poison();
  std::vector<GenerationRequest> requests = {greedy_request("The quick brown fox"), greedy_request("Once upon a time"),
                                             greedy_request("It was a dark and stormy night")};
  for (GenerationRequest& request : requests) request.sampling.logit_bias = {{kPoison, -100.0F}};
  const std::vector<Outputs> whole = generate_together(*engine, requests);
  EXPECT_EQ(engine->stats().worlds.at(0).num_restarts, 0U);
  requests.insert(requests.begin() + 1, poisonous_request());
  const std::vector<Outputs> beside = generate_together(*engine, requests);
  EXPECT_EQ(beside[1].at(0).last.finish, FinishReason::kError);
  expect_equal(beside[0].at(0), whole[0].at(0), "before it");
  expect_equal(beside[2].at(0), whole[1].at(0), "behind it");
  expect_equal(beside[3].at(0), whole[2].at(0), "last");
  EXPECT_EQ(engine->stats().num_set_aside, 1U);
  EXPECT_LE(engine->stats().worlds.at(0).num_restarts, 3U) << "found by the third failure at the latest";
}

TEST(EngineRestarts, AReplicaThatStartsAgainServesAgain) {
  EngineOptions options = restart_options({.dp_size = 2});
  std::atomic<int> num_steps = 0;
  options.before_step = [&](int32_t world, int32_t, const StepPlan&) {
    if (world == 0 && ++num_steps == 4) throw std::runtime_error("the rank has no memory");
  };
  const auto engine = load_tiny_engine(options);
  GenerationRequest request = greedy_request("The quick brown fox");
  const Output first = generate(*engine, request).at(0);
  request.dp_rank = 0;
  request.dp_rank_strict = true;  // waits for its replica
  const Output strict = generate(*engine, request).at(0);
  expect_equal(strict, first, "in the replica that has failed");
  expect_equal(generate(*engine, request).at(0), first, "afterwards");
  EXPECT_EQ(engine->stats().worlds.at(0).num_restarts, 1U);
  EXPECT_EQ(engine->stats().worlds.at(1).num_restarts, 0U);
  EXPECT_GT(engine->stats().groups.at(0).num_steps, 20U);
}

TEST(EngineRestarts, RequestsThatComeWhileTheWorldIsDownAreServed) {
  FaultyEngine faulty({.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}, {2});
  faulty.are_submitted.set_value();
  faulty.is_armed = true;
  const auto first = std::async(std::launch::async, [&] { generate(*faulty.engine, greedy_request("The quick")); });
  while (faulty.engine->stats().worlds.at(0).state == WorldStatus::State::kRuns) std::this_thread::yield();
  EXPECT_EQ(faulty.engine->stats().lost_groups.size(), 2U);
  EXPECT_EQ(faulty.engine->flush_cache(), 0) << "there is no cache, and nobody hangs";
  EXPECT_EQ(generate(*faulty.engine, greedy_request("Once upon a time")).at(0).last.finish, FinishReason::kLength);
  first.wait();
}

TEST(EngineRestarts, AnEngineMayEndWhileItsWorldStartsAgain) {
  FaultyEngine faulty({.tp_size = 2}, {2});
  faulty.are_submitted.set_value();
  faulty.is_armed = true;
  std::promise<FinishReason> ended;
  ASSERT_TRUE(faulty.engine
                  ->submit(greedy_request("The quick brown fox"),
                           [&](const Delta& delta) {
                             if (delta.finish != FinishReason::kNone) ended.set_value(delta.finish);
                           })
                  .ok());
  while (faulty.engine->stats().worlds.at(0).state == WorldStatus::State::kRuns) std::this_thread::yield();
  faulty.engine.reset();
  EXPECT_EQ(ended.get_future().get(), FinishReason::kAbort);
}

// A process that has lost everything but a request and its tokens. Its ranks are as many as before: they decide in
// which parts products are added, and with rows of 8 bits also where blocks begin in matrices as small as these.
TEST(EngineRestarts, AnotherEngineGoesOnBehindWhatTheFirstDelivered) {
  EngineOptions options = restart_options({.tp_size = 2, .dp_size = 2, .enable_dp_attention = true});
  const auto first = load_tiny_engine(options);
  options.rank.chunked_prefill_size = 48;
  options.rank.page_size = 32;
  const auto second = load_tiny_engine(options);
  for (GenerationRequest request : requests_of_all_kinds(*first)) {
    request.n = 1;
    std::vector<Delta> deltas;
    const auto id = first->submit(request, [&](const Delta& delta) { deltas.push_back(delta); });
    ASSERT_TRUE(id.ok()) << id.error().message;
    first->wait(*id);
    if (request.grammar) request.grammar->grammar = *second->grammars().regex("[a-c]{20,30}-[0-9]{12}");
    const auto has_token = [](const Delta& delta) { return !delta.tokens.empty(); };
    const auto first_token = static_cast<size_t>(std::ranges::find_if(deltas, has_token) - deltas.begin());
    for (const size_t num_delivered : {first_token + 1, (first_token + deltas.size()) / 2, deltas.size() - 1}) {
      Output expected;
      for (size_t i = num_delivered; i < deltas.size(); ++i) {
        expected.text += deltas[i].text;
        for (const SampledToken& token : deltas[i].tokens) expected.tokens.push_back(token);
      }
      expected.last = deltas.back();
      request.output_so_far.clear();
      for (size_t i = 0; i < num_delivered; ++i) {
        for (const SampledToken& token : deltas[i].tokens) request.output_so_far.push_back(token.token);
      }
      expect_equal(generate(*second, request).at(0), expected, fmt::format("behind {} tokens", num_delivered));
    }
  }
}

TEST(EngineRestarts, AnOutputThatWouldHaveEndedIsNotGoneOnBehind) {
  const auto engine = load_tiny_engine(restart_options({}));
  GenerationRequest request = greedy_request("The quick brown fox");
  const Output whole = generate(*engine, request).at(0);
  for (const SampledToken& token : whole.tokens) request.output_so_far.push_back(token.token);
  EXPECT_EQ(engine->submit(request, [](const Delta&) {}).error().message,
            "output_so_far has 24 tokens, max_tokens is 24");
  request.output_so_far.pop_back();
  request.stop_strings = {whole.text.substr(1, 3)};
  EXPECT_EQ(generate(*engine, request).at(0).last.error,
            "the request ended within the 23 tokens behind which it was to go on");
}

// Nothing is lost in a pause either.
TEST(EngineRestarts, APausedEngineComputesNothingAndGoesOnWithTheSameTokens) {
  EngineOptions options = restart_options({.tp_size = 2, .dp_size = 2, .enable_dp_attention = true});
  options.rank.collective_timeout_s = 0.5;
  const auto engine = load_tiny_engine(options);
  const std::vector<GenerationRequest> requests = requests_of_all_kinds(*engine);
  const std::vector<Outputs> whole = generate_together(*engine, requests);
  engine->pause();
  EXPECT_TRUE(engine->stats().is_paused);
  const uint64_t num_steps = engine->stats().num_steps;
  auto outputs = std::async(std::launch::async, [&] { return generate_together(*engine, requests); });
  // Longer than ranks with work may do nothing.
  EXPECT_EQ(outputs.wait_for(std::chrono::milliseconds(1500)), std::future_status::timeout);
  EXPECT_EQ(engine->stats().num_steps, num_steps);
  engine->pause();
  engine->resume();
  EXPECT_FALSE(engine->stats().is_paused);
  const std::vector<Outputs> paused = outputs.get();
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const auto& [index, output] : whole[i]) {
      expect_equal(paused[i].at(index), output, fmt::format("choice {} of request {}", index, i));
    }
  }
  EXPECT_EQ(engine->stats().worlds.at(0).num_restarts, 0U);
}

TEST(EngineRestarts, ARequestOfAPausedEngineMayBeAborted) {
  const auto engine = load_tiny_engine(restart_options({.tp_size = 2}));
  engine->pause();
  std::promise<FinishReason> ended;
  const auto id = engine->submit(greedy_request("The quick brown fox"), [&](const Delta& delta) {
    if (delta.finish != FinishReason::kNone) ended.set_value(delta.finish);
  });
  ASSERT_TRUE(id.ok());
  engine->abort(*id);
  EXPECT_EQ(ended.get_future().get(), FinishReason::kAbort);
  engine->wait(*id);  // its group has dropped it
}

}  // namespace
}  // namespace braid
