// The engine as its callers see it, on a real model, a tiny one.
#include "braid/api/engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <latch>
#include <map>
#include <mutex>
#include <thread>

#include "braid/api/text_model.h"
#include "tests/support/api/tiny_engine.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::generate;
using testing::kTinyModel;
using testing::load_tiny_engine;
using testing::Output;
using testing::Outputs;

GenerationRequest greedy(std::string prompt, int32_t max_new_tokens) {
  GenerationRequest request{.prompt = std::move(prompt)};
  request.sampling.temperature = 0;
  request.sampling.max_new_tokens = max_new_tokens;
  request.ignore_eos = true;
  return request;
}

TEST(Engine, ARequestEndsWithItsTokensItsTextAndItsUsage) {
  const auto engine = load_tiny_engine();
  const Output output = generate(*engine, greedy("The quick brown fox", 12)).at(0);
  EXPECT_EQ(output.tokens.size(), 12U);
  EXPECT_EQ(output.last.finish, FinishReason::kLength);
  EXPECT_EQ(output.last.usage.output_tokens, 12);
  EXPECT_EQ(output.last.usage.prompt_tokens,
            static_cast<int32_t>(engine->text().tokenizer->encode("The quick brown fox", true).size()));
  std::vector<TokenId> ids;
  for (const SampledToken& token : output.tokens) ids.push_back(token.token);
  EXPECT_EQ(output.text, engine->text().tokenizer->decode(ids, true));
}

TEST(Engine, AStopTokenEndsTheOutputAndIsCountedButNotShown) {
  const auto engine = load_tiny_engine();
  const Output whole = generate(*engine, greedy("The quick brown fox", 8)).at(0);
  GenerationRequest request = greedy("The quick brown fox", 8);
  request.sampling.stop_token_ids = {whole.tokens[4].token};
  const Output stopped = generate(*engine, request).at(0);
  EXPECT_EQ(stopped.last.finish, FinishReason::kStop);
  EXPECT_EQ(std::get<TokenId>(stopped.last.matched_stop), whole.tokens[4].token);
  ASSERT_LE(stopped.tokens.size(), 5U);
  EXPECT_EQ(stopped.tokens.back().token, whole.tokens[4].token);
  EXPECT_TRUE(whole.text.starts_with(stopped.text));
  EXPECT_LT(stopped.text.size(), whole.text.size());
}

TEST(Engine, AStopStringEndsTheTextBeforeIt) {
  const auto engine = load_tiny_engine();
  const Output whole = generate(*engine, greedy("The quick brown fox", 16)).at(0);
  ASSERT_GE(whole.text.size(), 8U);
  size_t cut = whole.text.size() / 2;
  while (cut < whole.text.size() && (static_cast<unsigned char>(whole.text[cut]) & 0xc0U) == 0x80U) ++cut;
  GenerationRequest request = greedy("The quick brown fox", 16);
  request.stop_strings = {whole.text.substr(cut)};
  const Output stopped = generate(*engine, request).at(0);
  EXPECT_EQ(stopped.last.finish, FinishReason::kStop);
  EXPECT_EQ(std::get<std::string>(stopped.last.matched_stop), request.stop_strings[0]);
  EXPECT_EQ(stopped.text, whole.text.substr(0, whole.text.find(request.stop_strings[0])));
}

TEST(Engine, ChoiceZeroEqualsASingleChoiceAndTheOthersDiffer) {
  const auto engine = load_tiny_engine();
  GenerationRequest request = greedy("Once", 16);
  request.sampling.temperature = 1.0F;
  request.sampling.seed = 7;
  const Output alone = generate(*engine, request).at(0);
  request.n = 3;
  const Outputs three = generate(*engine, request);
  ASSERT_EQ(three.size(), 3U);
  EXPECT_EQ(three.at(0).tokens, alone.tokens);
  EXPECT_NE(three.at(1).tokens, alone.tokens);
  EXPECT_NE(three.at(2).tokens, three.at(1).tokens);
  EXPECT_EQ(generate(*engine, request).at(2).tokens, three.at(2).tokens) << "same seed, same text";
}

TEST(Engine, ARequestForNoTokensEndsWithNone) {
  const auto engine = load_tiny_engine();
  const Output output = generate(*engine, greedy("Once", 0)).at(0);
  EXPECT_EQ(output.last.finish, FinishReason::kLength);
  EXPECT_TRUE(output.tokens.empty());
}

std::vector<TokenId> ids_of(const std::vector<ScoredToken>& tokens) {
  std::vector<TokenId> ids;
  for (const ScoredToken& token : tokens) ids.push_back(token.token);
  return ids;
}

// Generates greedily, then scores the same tokens as a prompt: the log-probabilities must be equal.
TEST(Engine, APromptsLogprobsAreThoseOfTheSameTokensGenerated) {
  EngineOptions options{.source = {.model_path = kTinyModel}};
  options.rank.chunked_prefill_size = 5;
  const auto engine = load_tiny_engine(options);
  GenerationRequest request = greedy("", 20);
  const std::vector<TokenId> prompt = {40, 41, 42};
  request.prompt = prompt;
  request.sampling.logprobs = true;
  request.sampling.top_logprobs = 2;
  const Output generated = generate(*engine, request).at(0);
  EXPECT_TRUE(generated.prompt_logprobs.empty());
  std::vector<TokenId> whole = prompt;
  for (const SampledToken& token : generated.tokens) whole.push_back(token.token);

  request.prompt = whole;
  request.sampling.prompt_logprobs_start = 3;
  for (const int32_t max_new_tokens : {0, 2}) {
    request.sampling.max_new_tokens = max_new_tokens;
    request.n = 2;
    const Outputs outputs = generate(*engine, request);
    const Output& scored = outputs.at(0);
    EXPECT_EQ(scored.prompt_logprobs, generated.tokens);
    EXPECT_EQ(scored.last.finish, FinishReason::kLength);
    EXPECT_EQ(scored.tokens.size(), static_cast<size_t>(max_new_tokens));
    EXPECT_EQ(scored.last.usage.prompt_tokens, 23);
    EXPECT_TRUE(outputs.at(1).prompt_logprobs.empty());
    EXPECT_EQ(outputs.at(1).tokens.size(), static_cast<size_t>(max_new_tokens));
  }
  request.sampling.prompt_logprobs_start = 0;
  EXPECT_EQ(ids_of(generate(*engine, request).at(0).prompt_logprobs),
            std::vector<TokenId>(whole.begin() + 1, whole.end()));
}

TEST(Engine, OnlyATextThatContinuesItsPromptKeepsItsFirstSpace) {
  const testing::TemporaryFolder folder;
  const std::string tokenizer = folder.path() / "tokenizer.json";
  std::ofstream(tokenizer) << R"({"added_tokens": [{"id": 0, "content": "<s>", "special": true}],
      "model": {"type": "BPE", "vocab": {"<s>": 0, "\u2581": 1, "a": 2, "\u2581a": 3}, "merges": [["\u2581", "a"]]},
      "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}})";
  const auto engine = load_tiny_engine({.source = {.model_path = kTinyModel, .tokenizer_path = tokenizer}});
  const auto generated = [&](std::vector<TokenId> prompt, bool continues_text) {
    GenerationRequest request{.prompt = std::move(prompt), .continues_text = continues_text};
    request.sampling.temperature = 0;
    request.sampling.max_new_tokens = 2;
    request.sampling.logit_bias = {{3, 100.0F}};
    return generate(*engine, request).at(0).text;
  };
  EXPECT_EQ(generated({0, 3}, true), " a a");
  EXPECT_EQ(generated({0, 3}, false), "a a");
  EXPECT_EQ(generated({0}, true), "a a");  // the prompt has no text
}

TEST(Engine, ARequestThatCannotRunIsRefusedAndNothingStarts) {
  const auto engine = load_tiny_engine();
  const auto refused = [&](GenerationRequest request) {
    const auto id = engine->submit(std::move(request), [](const Delta&) { FAIL() << "a refused request ran"; });
    return id.ok() ? std::string() : id.error().message;
  };
  const int64_t context = engine->stats().context_len;
  GenerationRequest request = greedy("", 4);
  request.prompt = std::vector<TokenId>(static_cast<size_t>(context) + 1, 5);
  EXPECT_EQ(refused(request), fmt::format("prompt has {} tokens, this model's context is {}", context + 1, context));
  request.prompt = std::vector<TokenId>{};
  EXPECT_EQ(refused(request), "the prompt has no tokens");
  request.prompt = std::vector<TokenId>{-1};
  EXPECT_NE(refused(request).find("token id -1 is outside the vocabulary"), std::string::npos);
  request = greedy("x", 4);
  request.sampling.top_p = 0;
  EXPECT_NE(refused(request).find("top_p is 0"), std::string::npos);
  request = greedy("x", 4);
  request.stop_strings = {""};
  EXPECT_NE(refused(request), "");
  request = greedy("", 4);
  request.prompt = std::vector<TokenId>(5, 1);
  request.sampling.prompt_logprobs_start = 6;
  EXPECT_EQ(refused(request), "prompt_logprobs_start is 6: must be from 0 to the prompt's 5 tokens, or -1 for none");
  request.sampling.prompt_logprobs_start = 0;
  request.sampling.top_logprobs = 101;
  EXPECT_EQ(refused(request), "top_logprobs is 101: must be from 0 to 100 where the prompt's are asked for");
  request = greedy("x", 4);
  request.n = 0;
  EXPECT_NE(refused(request), "");
}

TEST(Engine, GenerationThatReachesTheContextEndsWithLength) {
  const auto engine = load_tiny_engine();
  const int64_t context = engine->stats().context_len;
  GenerationRequest request = greedy("", 1'000'000);
  request.prompt = std::vector<TokenId>(static_cast<size_t>(context) - 3, 5);
  const Output output = generate(*engine, request).at(0);
  EXPECT_EQ(output.last.finish, FinishReason::kLength);
  EXPECT_GE(output.tokens.size(), 3U);
  EXPECT_LE(output.tokens.size(), 4U);
}

TEST(Engine, AbortEndsEveryChoiceAndFreesItsPages) {
  const auto engine = load_tiny_engine();
  std::atomic<int> aborted = 0;
  std::atomic<int> started = 0;
  GenerationRequest request = greedy("Once upon a time", 0);
  request.until_context_end = true;
  request.n = 2;
  std::vector<SubmissionId> ids;
  for (int i = 0; i < 8; ++i) {
    const auto id = engine->submit(request, [&](const Delta& delta) {
      started += delta.tokens.empty() ? 0 : 1;
      aborted += delta.finish == FinishReason::kAbort ? 1 : 0;
    });
    ids.push_back(id.value());
  }
  while (started < 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  for (const SubmissionId id : ids) engine->abort(id);
  for (const SubmissionId id : ids) engine->wait(id);
  EXPECT_GE(aborted, 1);
  const Output after = generate(*engine, greedy("Once", 4)).at(0);
  EXPECT_EQ(after.tokens.size(), 4U);
  const SchedulerStats stats = engine->stats().scheduler;
  EXPECT_EQ(stats.num_running + stats.num_waiting, 0);
  EXPECT_EQ(stats.num_free_pages + stats.num_cached_pages, stats.num_pages);
}

TEST(Engine, TheDestructorEndsRunningRequestsWithAbort) {
  std::atomic<int> aborted = 0;
  {
    const auto engine = load_tiny_engine();
    GenerationRequest request = greedy("Once upon a time", 0);
    request.until_context_end = true;
    for (int i = 0; i < 4; ++i) {
      const auto id =
          engine->submit(request, [&](const Delta& delta) { aborted += delta.finish == FinishReason::kAbort ? 1 : 0; });
      ASSERT_TRUE(id.ok());
    }
  }
  EXPECT_EQ(aborted, 4);
}

TEST(Engine, ManyThreadsMaySubmitAtOnce) {
  const auto engine = load_tiny_engine();
  const Output alone = generate(*engine, greedy("Hello there", 8)).at(0);
  std::vector<std::thread> clients;
  std::atomic<int> equal = 0;
  for (int i = 0; i < 6; ++i) {
    clients.emplace_back([&] {
      for (int round = 0; round < 3; ++round) {
        equal += generate(*engine, greedy("Hello there", 8)).at(0).tokens == alone.tokens ? 1 : 0;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(equal, 18);
}

TEST(Engine, ARepeatedPromptIsFoundInThePrefixCacheAndCounted) {
  const auto engine = load_tiny_engine();
  GenerationRequest request = greedy("", 4);
  request.prompt = std::vector<TokenId>(50, 7);
  const Output first = generate(*engine, request).at(0);
  const Output second = generate(*engine, request).at(0);
  EXPECT_EQ(first.last.usage.cached_tokens, 0);
  EXPECT_EQ(second.last.usage.cached_tokens, 48);
  EXPECT_EQ(first.tokens, second.tokens);
}

TEST(Engine, AFlushedPrefixCacheFindsNothing) {
  const auto engine = load_tiny_engine();
  GenerationRequest request = greedy("", 4);
  request.prompt = std::vector<TokenId>(50, 7);
  const Output first = generate(*engine, request).at(0);
  EXPECT_GE(engine->flush_cache(), 48);
  EXPECT_EQ(engine->flush_cache(), 0);
  const Output second = generate(*engine, request).at(0);
  EXPECT_EQ(second.last.usage.cached_tokens, 0);
  EXPECT_EQ(first.tokens, second.tokens);
}

TEST(Engine, AFullQueueRefusesUntilARequestLeaves) {
  EngineOptions options{.source = {.model_path = kTinyModel}};
  options.rank.max_running_requests = 2;
  options.max_queued_requests = 3;
  const auto engine = load_tiny_engine(options);
  GenerationRequest request = greedy("Once upon a time", 0);
  request.until_context_end = true;
  std::latch may_go_on(1);  // blocks the engine in its first step
  std::vector<SubmissionId> ids;
  for (int i = 0; i < 5; ++i) {  // two run, three wait
    ids.push_back(engine->submit(request, [&](const Delta&) { may_go_on.wait(); }).value());
  }
  const auto refused = engine->try_submit(request, [](const Delta&) { FAIL() << "a refused request ran"; });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, SubmitError::Reason::kQueueFull);
  EXPECT_EQ(refused.error().message, "3 requests wait already, 3 may");
  may_go_on.count_down();
  engine->abort(ids.back());
  engine->wait(ids.back());
  const auto next = engine->try_submit(request, [](const Delta&) {});
  EXPECT_TRUE(next.ok());

  GenerationRequest bad = greedy("x", 4);
  bad.sampling.top_p = 0;
  EXPECT_EQ(engine->try_submit(bad, [](const Delta&) {}).error().reason, SubmitError::Reason::kBadRequest);
}

}  // namespace
}  // namespace braid
