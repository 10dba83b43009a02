#include "braid/journal/records.h"

#include <gtest/gtest.h>

#include <random>

namespace braid {
namespace {

JournaledDelta last_delta() {
  return {.key = "k1",
          .index = 7,
          .time_s = 1.79e9,
          .delta = {.text = "a\xff\0b",
                    .tokens = {{.token = 3, .logprob = -0.1F, .top_logprobs = {{.token = 4, .logprob = -1e-30F}}}},
                    .prompt_logprobs = {{.token = 5, .logprob = -2}},
                    .finish = FinishReason::kStop,
                    .matched_stop = std::string("stop"),
                    .usage = {.prompt_tokens = 2, .cached_tokens = 1, .output_tokens = 8},
                    .error = "why"}};
}

TEST(JournalRecords, AreReadAsTheyWereWritten) {
  const JournaledRequest request{.key = "k1",
                                 .rid = "mine",
                                 .path = "/v1/completions",
                                 .body = "{\"prompt\":\"\xff\"}",
                                 .images = {{"file:///a.png", std::make_shared<std::string>("\0\xff", 2)},
                                            {"http://b/c", std::make_shared<std::string>()}},
                                 .seed = ~uint64_t{0},
                                 .prompt = {1, 2, 3},
                                 .num_tries = 1,
                                 .tried_at = 12};
  const auto same = std::get<JournaledRequest>(decode_record(encode(request)).value());
  EXPECT_EQ(encode(same), encode(request));
  EXPECT_EQ(same.body, request.body);
  EXPECT_EQ(same.seed, request.seed);
  EXPECT_EQ(same.prompt, request.prompt);
  ASSERT_EQ(same.images.size(), 2U);
  EXPECT_EQ(*same.images.at("file:///a.png"), std::string("\0\xff", 2));
  EXPECT_EQ(same.tried_at, 12);

  const JournaledDelta written = last_delta();
  const auto read = std::get<JournaledDelta>(decode_record(encode(written)).value());
  EXPECT_EQ(read.index, 7);
  EXPECT_EQ(read.time_s, written.time_s);
  EXPECT_EQ(read.delta.text, written.delta.text);
  EXPECT_EQ(read.delta.tokens, written.delta.tokens);
  EXPECT_EQ(read.delta.prompt_logprobs, written.delta.prompt_logprobs);
  EXPECT_EQ(read.delta.finish, FinishReason::kStop);
  EXPECT_EQ(read.delta.matched_stop, written.delta.matched_stop);
  EXPECT_EQ(read.delta.usage.output_tokens, 8);
  EXPECT_EQ(read.delta.error, "why");

  EXPECT_EQ(std::get<JournaledEnd>(decode_record(encode(JournaledEnd{.key = "k2"})).value()).key, "k2");
}

TEST(JournalRecords, ImagesCountAsMemory) {
  JournaledRequest request;
  const size_t without = memory_bytes(request);
  request.images["u"] = std::make_shared<std::string>(1000, 'x');
  EXPECT_EQ(memory_bytes(request), without + 1001);
}

TEST(JournalRecords, AMatchedTokenStaysOne) {
  JournaledDelta written = last_delta();
  written.delta.matched_stop = TokenId{2};
  EXPECT_EQ(std::get<JournaledDelta>(decode_record(encode(written)).value()).delta.matched_stop,
            MatchedStop(TokenId{2}));
}

TEST(JournalRecords, DamagedBytesAreRefusedOrHarmless) {
  const std::string whole = encode(last_delta());
  std::mt19937 random(20261125);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = whole.substr(0, whole.size() - random() % 3);
    bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    (void)decode_record(bytes).ok();
  }
  EXPECT_FALSE(decode_record("").ok());
  EXPECT_FALSE(decode_record(whole.substr(0, whole.size() - 1)).ok());
}

}  // namespace
}  // namespace braid
