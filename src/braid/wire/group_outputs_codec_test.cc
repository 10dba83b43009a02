#include "braid/wire/group_outputs_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/wire/message_maker.h"

namespace braid {
namespace {

const OutputsLimits kOutputsLimits{.num_groups = 5,
                                   .max_outcomes = 8,
                                   .max_scored = 50,
                                   .max_flushes = 4,
                                   .max_prefixes = 20,
                                   .max_error_len = 100,
                                   .max_moves = 2,
                                   .context_len = 300,
                                   .vocab_size = 1000};

TEST(GroupOutputsCodec, OutputsComeBackAsTheyWere) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    const GroupOutputs outputs = MessageMaker(seed).outputs(5);
    const SharedBytes encoded = encode(outputs);
    const auto decoded = decode_group_outputs(encoded.span(), kOutputsLimits);
    ASSERT_TRUE(decoded.ok()) << "seed " << seed << ": " << decoded.error().message;
    EXPECT_EQ(decoded.value(), outputs) << "seed " << seed;
    std::vector<std::byte> bytes(encoded.span().begin(), encoded.span().end());
    bytes.insert(bytes.begin(), std::byte{0});  // now unaligned
    const auto shifted = decode_group_outputs(std::span(bytes).subspan(1), kOutputsLimits);
    ASSERT_TRUE(shifted.ok());
    EXPECT_EQ(shifted.value(), outputs);
  }
}

// Most damaged bytes are refused; what decodes keeps the limits. (The sanitizers watch.)
TEST(GroupOutputsCodec, DamagedBytesAreRefusedOrHarmless) {
  int refused = 0;
  constexpr int kRounds = 3000;
  for (uint64_t seed = 1; seed <= kRounds; ++seed) {
    MessageMaker maker(seed);
    const SharedBytes encoded = encode(maker.outputs(5));
    std::vector<std::byte> bytes(encoded.span().begin(), encoded.span().end());
    maker.damage(bytes);
    const auto decoded = decode_group_outputs(bytes, kOutputsLimits);
    refused += decoded.ok() ? 0 : 1;
    if (!decoded.ok()) continue;
    const GroupOutputs& outputs = decoded.value();
    EXPECT_TRUE(outputs.group >= 0 && outputs.group < 5);
    EXPECT_LE(outputs.outcomes.size(), 8U);
    EXPECT_LE(outputs.prefixes.added.size(), 20U);
    for (const RequestOutcome& outcome : outputs.outcomes) {
      EXPECT_TRUE(!outcome.token || (outcome.token->token >= 0 && outcome.token->token < 1000));
      EXPECT_LE(outcome.finish, FinishReason::kError);
    }
  }
  EXPECT_GT(refused, kRounds / 4);
}

TEST(GroupOutputsCodec, ErrorsNameWhatBreaksALimit) {
  const auto error_of = [&](auto change) {
    GroupOutputs outputs{.group = 3, .sequence = 8};
    outputs.outcomes.push_back({.request = 6, .token = SampledToken{.token = 1}});
    change(outputs);
    const auto decoded = decode_group_outputs(encode(outputs).span(), kOutputsLimits);
    return decoded.ok() ? std::string() : decoded.error().message;
  };
  const std::string place = "group 3, outputs 8: ";
  EXPECT_EQ(error_of([](GroupOutputs&) {}), "");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.group = 5; }), "outputs of group 5, there are 5 groups");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes[0].token->token = -1; }),
            place + "request 6: token -1 is not in [0, 1000)");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes[0].prompt_logprobs = {{.token = -1}}; }), "") << "of an image";
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes[0].prompt_logprobs = {{.token = 1000}}; }),
            place + "request 6: token 1000 is not in [0, 1000)");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes[0].token->logprob = std::numeric_limits<float>::quiet_NaN(); }),
            place + "request 6: a log-probability of token 1 is NaN");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes[0].token->top_logprobs = {{.token = 1000}}; }),
            place + "request 6: token 1000 is not in [0, 1000)");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes[0].error.assign(101, 'x'); }),
            place + "request 6: an error of 101 bytes, at most 100");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes[0].cached_tokens = 301; }),
            place + "request 6: 301 cached tokens, the context is 300");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.outcomes.push_back(o.outcomes[0]); }), place + "request 6 is there twice");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.load.scheduler.num_free_pages = 1; }),
            place + "a value of the load is out of its range");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.load.num_arriving_pages = -1; }),
            place + "a value of the load is out of its range");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.stayed.assign(3, 1); }), place + "3 sequences that stayed, at most 2 fit");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.load.step_seconds = -1; }),
            place + "a value of the load is out of its range");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.load.own_seconds = std::nan(""); }),
            place + "a value of the load is out of its range");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.load.scheduler.num_prefill_pairs = -1; }),
            place + "a value of the load is out of its range");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.step = StepShape{.step = 7, .num_prefill_pairs = -1}; }),
            place + "a value of step 7 is out of its range");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.prefixes.added.assign(21, 1); }),
            place + "21 new prefixes, at most 20 fit");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.prefixes.held.assign(21, 1); }),
            place + "21 held prefixes, at most 20 fit");
  const auto whole = [](GroupOutputs& o) -> PrefixShape& {
    o.prefixes = {.is_whole = true, .shape = {.page_size = 16, .num_pages = 9, .window_pages = {-1}}};
    return o.prefixes.shape;
  };
  EXPECT_EQ(error_of([&](GroupOutputs& o) { whole(o); }), "");
  EXPECT_EQ(error_of([&](GroupOutputs& o) { whole(o).page_size = 0; }),
            place + "a value of the prefix cache is out of its range");
  EXPECT_EQ(error_of([&](GroupOutputs& o) { whole(o).window_pages = {}; }),
            place + "a value of the prefix cache is out of its range");
  EXPECT_EQ(error_of([&](GroupOutputs& o) { whole(o).window_pages.assign(17, 1); }),
            place + "17 KV groups, at most 16 fit");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.flushed_tokens.assign(5, 1); }), place + "5 flushes, at most 4 fit");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.flushed_tokens = {3, -1}; }), place + "-1 tokens flushed");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.step = StepShape{.step = 7, .num_prefills = 1}; }),
            place + "a value of step 7 is out of its range");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.departed.assign(3, {}); }),
            place + "3 sequences that move, at most 2 fit");
  EXPECT_EQ(error_of([](GroupOutputs& o) {
              o.departed.push_back({.move = {.from_group = 0, .to_group = 1},
                                    .sequence = {.request = {.id = 4, .prompt = {1}}, .output = {1000}}});
            }),
            place + "request 4: output tokens: 1000 is not in [0, 1000)");
  EXPECT_EQ(error_of([](GroupOutputs& o) { o.error.assign(101, 'x'); }), place + "an error of 101 bytes, at most 100");
  EXPECT_EQ(error_of([](GroupOutputs& o) {
              for (RequestId id = 10; id < 12; ++id) {
                o.outcomes.push_back({.request = id, .prompt_logprobs = std::vector<ScoredToken>(30)});
              }
            }),
            place + "60 scored tokens, at most 50 fit");
  EXPECT_FALSE(decode_group_outputs({}, kOutputsLimits).ok());
}

}  // namespace
}  // namespace braid
