#include "braid/api/request_check.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace braid {
namespace {

using Reason = SubmitError::Reason;

constexpr RequestBounds kBounds{.vocab_size = 100, .text_vocab_size = 90, .context_len = 8, .num_groups = 2};

GenerationRequest request_with(SamplingParams sampling) {
  return {.prompt = std::vector<TokenId>{1, 2}, .sampling = std::move(sampling)};
}

// The error's parameter and message; empty if the request can run.
std::string refusal_of(const GenerationRequest& request) {
  const auto checked = check_request(request, kBounds);
  return checked.ok() ? "" : checked.error().parameter + "|" + checked.error().message;
}

TEST(RequestCheck, ThePromptHasTokensThatFitTheContext) {
  GenerationRequest request = request_with({});
  request.prompt = std::vector<TokenId>();
  EXPECT_EQ(check_request(request, kBounds).error().reason, Reason::kEmptyPrompt);
  request.prompt = std::vector<TokenId>(8, 1);
  EXPECT_EQ(refusal_of(request), "");
  request.prompt = std::vector<TokenId>(9, 1);
  EXPECT_EQ(check_request(request, kBounds).error().reason, Reason::kPromptTooLong);
  EXPECT_EQ(refusal_of(request), "|prompt has 9 tokens, this model's context is 8");
  request.prompt = std::vector<TokenId>{100};
  EXPECT_EQ(refusal_of(request), "|prompt: token id 100 is outside the vocabulary of 100");
}

TEST(RequestCheck, ASamplingParameterOutOfRangeIsNamed) {
  EXPECT_EQ(refusal_of(request_with({.temperature = -1})),
            "temperature|temperature is -1: must be a number from 0 to 100");
  EXPECT_EQ(refusal_of(request_with({.temperature = 100.5F})),
            "temperature|temperature is 100.5: must be a number from 0 to 100");
  EXPECT_EQ(refusal_of(request_with({.top_p = 0})), "top_p|top_p is 0: must be a number from 1e-09 to 1");
  EXPECT_EQ(refusal_of(request_with({.min_p = 2})), "min_p|min_p is 2: must be a number from 0 to 1");
  EXPECT_EQ(refusal_of(request_with({.repetition_penalty = 0})),
            "repetition_penalty|repetition_penalty is 0: must be a number from 1e-06 to 100");
  EXPECT_EQ(refusal_of(request_with({.presence_penalty = -3})),
            "presence_penalty|presence_penalty is -3: must be a number from -2 to 2");
  EXPECT_EQ(refusal_of(request_with({.frequency_penalty = 2.5F})),
            "frequency_penalty|frequency_penalty is 2.5: must be a number from -2 to 2");
  EXPECT_EQ(refusal_of(request_with({.logit_bias = {{5, 101}}})),
            "logit_bias|logit_bias of token 5 is 101: must be a number from -100 to 100");
  EXPECT_NE(refusal_of(request_with({.temperature = std::numeric_limits<float>::quiet_NaN()})), "");
}

TEST(RequestCheck, BothEndsOfARangeAreAllowed) {
  EXPECT_EQ(refusal_of(request_with({.temperature = 100, .top_p = 1e-9F, .min_p = 1, .repetition_penalty = 1e-6F})),
            "");
  EXPECT_EQ(refusal_of(request_with({.temperature = 0, .top_p = 1, .repetition_penalty = 100, .presence_penalty = -2})),
            "");
  EXPECT_EQ(refusal_of(request_with({.frequency_penalty = 2, .logit_bias = {{0, -100}, {99, 100}}})), "");
}

}  // namespace
}  // namespace braid
