// Compares the sampler with a plain one in float64 (tools/make_sampler_fixtures.py).
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "braid/worker/sampler/sampler.h"

namespace braid {
namespace {

SamplingState state_of(const nlohmann::json& from) {
  SamplingState state;
  SamplingParams& params = state.params;
  params.temperature = from.at("temperature");
  params.top_k = from.at("top_k");
  params.top_p = from.at("top_p");
  params.min_p = from.at("min_p");
  params.repetition_penalty = from.at("repetition_penalty");
  params.presence_penalty = from.at("presence_penalty");
  params.frequency_penalty = from.at("frequency_penalty");
  params.logit_bias = from.at("logit_bias").get<std::vector<std::pair<TokenId, float>>>();
  params.min_new_tokens = from.at("min_new_tokens");
  params.stop_token_ids = from.at("stop_token_ids").get<std::vector<TokenId>>();
  params.logprobs = true;
  params.top_logprobs = from.at("top_logprobs");
  state.num_output_tokens = from.at("num_output_tokens");
  state.prompt_tokens = from.at("prompt_tokens").get<std::vector<TokenId>>();
  state.output_tokens = from.at("output_tokens").get<std::vector<TokenId>>();
  return state;
}

TEST(SamplerReference, DrawsTheTokensAndLogprobsOfAPlainSampler) {
  std::ifstream file("src/braid/worker/sampler/testdata/cases.json");
  ASSERT_TRUE(file.is_open());
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_GE(cases.size(), 90U);
  SamplerScratch scratch;  // one for all cases: nothing may carry over to the next
  for (size_t number = 0; number < cases.size(); ++number) {
    SCOPED_TRACE("case " + std::to_string(number));
    const nlohmann::json& from = cases[number];
    const nlohmann::json& expected = from.at("expected");
    const auto logits = from.at("logits").get<std::vector<float>>();
    SamplingState state = state_of(from);
    for (size_t i = 0; i < from.at("seeds").size(); ++i) {
      state.params.seed = from.at("seeds")[i];
      const auto sampled = sample(logits, state, scratch);
      ASSERT_TRUE(sampled.ok()) << sampled.error().message;
      EXPECT_EQ(sampled.value().token, expected.at("tokens")[i].get<TokenId>()) << "seed " << state.params.seed;
      const float logprob = expected.at("logprobs")[i];
      EXPECT_NEAR(sampled.value().logprob, logprob, 2e-6F * (1 + std::abs(logprob)));
      const auto& top = sampled.value().top_logprobs;
      ASSERT_EQ(top.size(), expected.at("top_ids").size());
      for (size_t rank = 0; rank < top.size(); ++rank) {
        EXPECT_EQ(top[rank].token, expected.at("top_ids")[rank].get<TokenId>());
        const float top_logprob = expected.at("top_logprobs")[rank];
        EXPECT_NEAR(top[rank].logprob, top_logprob, 2e-6F * (1 + std::abs(top_logprob)));
      }
    }
  }
}

}  // namespace
}  // namespace braid
