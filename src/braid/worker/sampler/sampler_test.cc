#include "braid/worker/sampler/sampler.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "braid/worker/sampler/row_scan.h"

namespace braid {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> random_row(size_t size, float spread, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0.0F, spread);
  std::vector<float> row(size);
  for (float& x : row) x = normal(random);
  return row;
}

SampledToken sample_ok(std::span<const float> logits, const SamplingState& state) {
  SamplerScratch scratch;
  auto sampled = sample(logits, state, scratch);
  EXPECT_TRUE(sampled.ok());
  return sampled.ok() ? std::move(sampled).value() : SampledToken{};
}

SamplingState greedy() {
  SamplingState state;
  state.params.temperature = 0;
  return state;
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheLargest) {
  for (const size_t size : {1U, 5U, 17U, 1024U, 1025U, 5000U}) {
    std::vector<float> row(size, -1.0F);
    row[size / 2] = 3.0F;
    row[size - 1] = 3.0F;
    EXPECT_EQ(sample_ok(row, greedy()).token, static_cast<TokenId>(size / 2));
  }
}

TEST(Sampler, APromptTokenIsScoredLikeTheSameTokenDrawn) {
  SamplerScratch scratch;
  const auto row = random_row(5000, 3.0F, 11);
  SamplingState state = greedy();
  state.params.logprobs = true;
  state.params.top_logprobs = 4;
  const SampledToken drawn = sample_ok(row, state);
  const auto same = score(row, drawn.token, 4, scratch);
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(*same, drawn);
  double total = 0;
  for (const float x : row) total += std::exp(static_cast<double>(x));
  for (const TokenId token : {0, 77, 4999}) {
    const auto scored = score(row, token, 0, scratch);
    ASSERT_TRUE(scored.ok());
    EXPECT_EQ(scored->token, token);
    EXPECT_NEAR(scored->logprob, static_cast<double>(row[static_cast<size_t>(token)]) - std::log(total), 1e-5);
    EXPECT_TRUE(scored->top_logprobs.empty());
  }
  auto bad = row;
  bad[4] = std::nanf("");
  EXPECT_EQ(score(bad, 1, 0, scratch).error().message, "the model's logit for token 4 is NaN");
}

TEST(Sampler, PenaltiesDoNotCountPlaceholdersOfImages) {
  const auto row = random_row(500, 3.0F, 12);
  SamplingState state = greedy();
  state.params.logprobs = true;
  state.params.repetition_penalty = 1.7F;
  state.prompt_tokens = {3, 400, 17};
  const SampledToken without = sample_ok(row, state);
  state.prompt_tokens = {3, -400, 400, -1, 17, std::numeric_limits<TokenId>::min()};
  EXPECT_EQ(sample_ok(row, state), without);
}

TEST(Sampler, ARowThatCannotBeSampledIsAnErrorWithTheReason) {
  SamplerScratch scratch;
  std::vector<float> row(3000, 0.0F);
  for (const size_t at : {0U, 15U, 1500U, 2999U}) {
    for (const float temperature : {0.0F, 1.0F}) {
      SamplingState state;
      state.params.temperature = temperature;
      auto bad = row;
      bad[at] = std::nanf("");
      auto sampled = sample(bad, state, scratch);
      ASSERT_FALSE(sampled.ok());
      EXPECT_EQ(sampled.error().message, "the model's logit for token " + std::to_string(at) + " is NaN");
      bad[at] = kInfinity;
      sampled = sample(bad, state, scratch);
      ASSERT_FALSE(sampled.ok());
      EXPECT_NE(sampled.error().message.find("infinite"), std::string::npos);
    }
  }
  const std::vector<float> nothing(10, -kInfinity);
  EXPECT_FALSE(sample(nothing, greedy(), scratch).ok());
  EXPECT_FALSE(sample({}, greedy(), scratch).ok());
}

TEST(Sampler, StopTokensAreNotDrawnBeforeMinNewTokens) {
  const std::vector<float> row = {0.0F, 5.0F, 1.0F, 4.0F};
  SamplingState state = greedy();
  state.params.stop_token_ids = {1, 3, -7, 99};
  state.params.min_new_tokens = 2;
  EXPECT_EQ(sample_ok(row, state).token, 2);
  state.num_output_tokens = 1;
  EXPECT_EQ(sample_ok(row, state).token, 2);
  state.num_output_tokens = 2;
  EXPECT_EQ(sample_ok(row, state).token, 1);
}

TEST(Sampler, AllVectorWidthsComputeTheSameBits) {
  const auto scans = row_scans();
  for (const int64_t size : {0, 1, 15, 16, 17, 100, 1024}) {
    auto row = random_row(static_cast<size_t>(size), 20.0F, 3);
    if (size > 20) row[20] = -kInfinity;
    const float max = 30.0F;
    std::vector<float> expected(row.size());
    bool has_nan = false;
    const double sum = scans[0].exp_block(row.data(), size, max, 0.7F, expected.data());
    for (const RowScans& scan : scans) {
      std::vector<float> weights(row.size());
      EXPECT_EQ(scan.exp_block(row.data(), size, max, 0.7F, weights.data()), sum);
      for (size_t i = 0; i < row.size(); ++i) {
        EXPECT_EQ(std::bit_cast<uint32_t>(weights[i]), std::bit_cast<uint32_t>(expected[i]));
      }
      EXPECT_EQ(scan.max_of(row.data(), size, has_nan), scans[0].max_of(row.data(), size, has_nan));
    }
    EXPECT_FALSE(has_nan);
  }
}

TEST(Sampler, WeightsAreExponentialsWithinTwoUlp) {
  std::vector<float> row;
  for (float x = 0; x > -87.0F; x -= 0.00137F) row.push_back(x);
  std::vector<float> weights(row.size());
  std::vector<double> sums;
  exp_weights(row, 0.0F, 1.0F, weights, sums);
  for (size_t i = 0; i < row.size(); ++i) {
    const double expected = std::exp(static_cast<double>(row[i]));
    EXPECT_NEAR(static_cast<double>(weights[i]) / expected, 1.0, 2.4e-7) << row[i];
  }
  EXPECT_EQ(weights[0], 1.0F);
  std::vector<float> rare = {-87.5F, -1000.0F, -kInfinity};
  exp_weights(rare, 0.0F, 1.0F, weights, sums);
  EXPECT_EQ(weights[0] + weights[1] + weights[2], 0.0F);
}

// Pearson's statistic over 40 tokens, for draws with and without the filters.
TEST(Sampler, DrawsAreDistributedAsTheProbabilities) {
  constexpr int kDraws = 40000;
  constexpr size_t kTokens = 40;
  const auto row = random_row(kTokens, 1.0F, 11);
  for (const bool filtered : {false, true}) {
    SamplingState state;
    state.params.temperature = 0.8F;
    state.params.seed = 99;
    if (filtered) {
      state.params.top_k = 30;
      state.params.top_p = 0.95F;
      state.params.min_p = 0.01F;
    }
    std::vector<int> counts(kTokens, 0);
    SamplerScratch scratch;
    for (int i = 0; i < kDraws; ++i) {
      state.num_output_tokens = i;
      const auto sampled = sample(row, state, scratch);
      ASSERT_TRUE(sampled.ok());
      ++counts[static_cast<size_t>(sampled.value().token)];
    }
    double total = 0;
    for (size_t i = 0; i < kTokens; ++i) {
      if (counts[i] > 0) total += std::exp(static_cast<double>(row[i]) / 0.8);
    }
    double statistic = 0;
    int degrees = -1;
    for (size_t i = 0; i < kTokens; ++i) {
      if (counts[i] == 0) continue;
      const double expected = kDraws * std::exp(static_cast<double>(row[i]) / 0.8) / total;
      statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
      ++degrees;
    }
    if (filtered) {
      EXPECT_LT(degrees, 30);
    } else {
      EXPECT_EQ(degrees, 39);
    }
    EXPECT_LT(statistic, degrees + 4 * std::sqrt(2.0 * degrees));  // 4 standard deviations above the mean
  }
}

std::vector<uint32_t> mask_of(size_t size, std::initializer_list<TokenId> allowed) {
  std::vector<uint32_t> mask((size + 31) / 32, 0);
  for (const TokenId token : allowed) mask[static_cast<size_t>(token) / 32] |= uint32_t{1} << (token % 32);
  return mask;
}

TEST(Sampler, OnlyTokensOfTheMaskAreChosenAndLogprobsStayRaw) {
  const std::vector<float> row = random_row(1000, 2.0F, 5);
  const auto mask = mask_of(row.size(), {3, 64, 95, 500, 999});
  const std::set<TokenId> allowed = {3, 64, 95, 500, 999};
  SamplerScratch scratch;
  for (const float temperature : {0.0F, 0.7F, 5.0F}) {
    std::set<TokenId> chosen;
    for (uint64_t seed = 0; seed < 60; ++seed) {
      SamplingState state{.is_masked = true};
      state.params.temperature = temperature;
      state.params.seed = seed;
      state.params.repetition_penalty = seed % 2 == 0 ? 0.5F : 1.0F;
      state.params.logit_bias = {{7, 100.0F}, {95, 5.0F}};  // a bias does not bring back what the mask forbids
      state.params.top_k = seed % 3 == 0 ? 3 : 0;
      state.params.top_p = seed % 5 == 0 ? 0.8F : 1.0F;
      state.params.logprobs = true;
      state.params.top_logprobs = 2;
      const auto sampled = sample(row, state, scratch, mask);
      ASSERT_TRUE(sampled.ok()) << sampled.error().message;
      EXPECT_TRUE(allowed.contains(sampled->token)) << sampled->token;
      chosen.insert(sampled->token);
      SamplingState raw;
      raw.params.temperature = 0;
      raw.params.top_logprobs = 2;
      EXPECT_EQ(sampled->top_logprobs, sample_ok(row, raw).top_logprobs);
    }
    if (temperature > 1.0F) {
      EXPECT_GT(chosen.size(), 2U);
    }
  }
}

TEST(Sampler, AMaskOfAllTokensChangesNothing) {
  const std::vector<float> row = random_row(777, 3.0F, 6);
  const std::vector<uint32_t> mask(25, UINT32_MAX);
  SamplerScratch scratch;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    SamplingState state;
    state.params.seed = seed;
    state.params.top_p = seed % 2 == 0 ? 0.9F : 1.0F;
    EXPECT_EQ(*sample(row, state, scratch, mask), sample_ok(row, state));
  }
}

TEST(Sampler, TokensBehindTheMaskAreForbidden) {
  std::vector<float> row(100, 0.0F);
  row[90] = 9.0F;
  SamplerScratch scratch;
  EXPECT_EQ(sample(row, greedy(), scratch, std::vector<uint32_t>{0, 0x10})->token, 36);
}

TEST(Sampler, BeforeMinTokensAMaskKeepsStopTokensOnlyIfNothingElseIsLeft) {
  std::vector<float> row(100, 0.0F);
  row[10] = 5.0F;
  SamplingState state = greedy();
  state.is_masked = true;
  state.params.min_new_tokens = 4;
  state.params.stop_token_ids = {10, 11};
  SamplerScratch scratch;
  EXPECT_EQ(sample(row, state, scratch, mask_of(100, {10, 40}))->token, 40);
  EXPECT_EQ(sample(row, state, scratch, mask_of(100, {10, 11}))->token, 10);
}

TEST(Sampler, AnEmptyMaskIsAnError) {
  SamplerScratch scratch;
  const auto sampled = sample(std::vector<float>(64, 0.0F), greedy(), scratch, std::vector<uint32_t>{0, 0});
  ASSERT_FALSE(sampled.ok());
  EXPECT_NE(sampled.error().message.find("no token is left"), std::string::npos);
}

}  // namespace
}  // namespace braid
