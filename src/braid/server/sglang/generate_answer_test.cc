#include "braid/server/sglang/generate_answer.h"

#include <gtest/gtest.h>

#include "braid/server/sglang/generate_request.h"
#include "braid/server/sglang/text_requests.h"
#include "tests/support/server/openai/tiny_tokenizer.h"

namespace braid::sglang {
namespace {

using openai::testing::TinyTokenizer;

const Delta kDeltas[] = {{.prompt_logprobs = {{TinyTokenizer::kWhole, -3.0F, {{TinyTokenizer::kA, -1.0F}}}}},
                         {.text = "a",
                          .tokens = {{TinyTokenizer::kA, -0.5F, {{TinyTokenizer::kA, -0.5F}}}},
                          .usage = {.prompt_tokens = 2, .cached_tokens = 1, .output_tokens = 1}},
                         {.tokens = {{TinyTokenizer::kStop, -2.0F, {{TinyTokenizer::kA, -0.25F}}}},
                          .finish = FinishReason::kStop,
                          .matched_stop = TokenId{TinyTokenizer::kStop},
                          .usage = {.prompt_tokens = 2, .cached_tokens = 1, .output_tokens = 2}}};

GeneratePrompt prompt_with_logprobs() {
  return {.id = "r",
          .ids = {TinyTokenizer::kA, TinyTokenizer::kWhole},
          .logprobs = true,
          .top_logprobs = 1,
          .logprob_start_len = 0};
}

TEST(GenerateAnswer, HasSglangsKeys) {
  const TinyTokenizer tokenizer;
  const auto writer = make_generate_answer({prompt_with_logprobs()}, false, tokenizer);
  for (const Delta& delta : kDeltas) EXPECT_EQ(writer->push(0, delta), "");
  EXPECT_EQ(Json::parse(writer->finish()), Json::parse(R"({"text":"a","output_ids":[0,4],"meta_info":{"id":"r",
    "finish_reason":{"type":"stop","matched":4},"prompt_tokens":2,"completion_tokens":2,"cached_tokens":1,
    "input_token_logprobs":[[null,0,"a"],[-3.0,3,"é"]],"output_token_logprobs":[[-0.5,0,"a"],[-2.0,4,"</s>"]],
    "input_top_logprobs":[null,[[-1.0,0,"a"]]],"output_top_logprobs":[[[-0.5,0,"a"]],[[-0.25,0,"a"]]]}})"));
}

TEST(GenerateAnswer, HasNoLogprobsUnlessAsked) {
  const TinyTokenizer tokenizer;
  const auto writer = make_generate_answer({{.id = "r", .ids = {0}, .n = 2}, {.id = "s", .ids = {0}}}, true, tokenizer);
  writer->push(0, {.index = 0, .text = "a", .finish = FinishReason::kLength, .usage = {.output_tokens = 1}});
  writer->push(0, {.index = 1, .finish = FinishReason::kAbort});
  writer->push(1, {.index = 0, .text = "b", .finish = FinishReason::kStop, .matched_stop = std::string("x")});
  const Json answer = Json::parse(writer->finish());
  ASSERT_EQ(answer.size(), 3U);
  EXPECT_EQ(answer[0]["meta_info"]["finish_reason"], Json::parse(R"({"type":"length","length":1})"));
  EXPECT_FALSE(answer[0]["meta_info"].contains("output_token_logprobs"));
  EXPECT_EQ(answer[1]["meta_info"]["finish_reason"]["type"], "abort");
  EXPECT_EQ(answer[2]["meta_info"]["finish_reason"]["matched"], "x");
  EXPECT_EQ(answer[2]["meta_info"]["id"], "s");
}

// The events of one delta, for a client that takes everything at once.
std::string said(openai::AnswerWriter& writer, const Delta& delta) {
  std::string events = writer.push(0, delta);
  while (writer.has_more()) events += writer.more();
  return events;
}

TEST(GenerateStream, EveryEventRepeatsAllThatCameBefore) {
  const TinyTokenizer tokenizer;
  const auto writer = make_generate_stream({prompt_with_logprobs()}, true, tokenizer);
  EXPECT_EQ(said(*writer, kDeltas[0]), "") << "nothing that a client could show";
  const auto event = [](const std::string& bytes) { return Json::parse(bytes.substr(6)); };
  const Json first = event(said(*writer, kDeltas[1]));
  EXPECT_EQ(first["text"], "a");
  EXPECT_EQ(first["index"], 0);
  EXPECT_EQ(first["meta_info"]["finish_reason"], nullptr);
  EXPECT_EQ(first["meta_info"]["input_token_logprobs"].size(), 2U);
  const Json last = event(said(*writer, kDeltas[2]));
  EXPECT_EQ(last["text"], "a");
  EXPECT_EQ(last["output_ids"], Json::parse("[0,4]"));
  EXPECT_EQ(last["meta_info"]["finish_reason"]["type"], "stop");
  EXPECT_EQ(writer->finish(), "data: [DONE]\n\n");
}

TEST(GenerateStream, SendsALongEventOnlyWithEnoughNews) {
  const TinyTokenizer tokenizer;
  const auto writer = make_generate_stream({{.id = "r", .ids = {0}}}, false, tokenizer);
  const std::string piece(100, 'x');
  size_t num_events = 0;
  size_t num_bytes = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string event = said(*writer, {.text = piece, .tokens = {{TinyTokenizer::kA, -0.5F, {}}}});
    num_events += event.empty() ? 0 : 1;
    num_bytes += event.size();
    EXPECT_TRUE(i > 600 || !event.empty()) << "a short one comes at once";
  }
  EXPECT_GT(num_events, 630U);
  EXPECT_LT(num_bytes, 60U << 20) << "10 000 events would have 5 GB";
  const std::string last = said(*writer, {.text = "!", .finish = FinishReason::kLength});
  EXPECT_EQ(Json::parse(last.substr(6))["text"].get<std::string>().size(), 1'000'001U);
}

TEST(GenerateStream, NewsJoinsTheEventThatWaits) {
  const TinyTokenizer tokenizer;
  const auto writer = make_generate_stream({{.id = "r", .ids = {0}, .n = 2}}, true, tokenizer);
  for (const char* piece : {"a", "b", "c"}) {
    EXPECT_EQ(writer->push(0, {.index = 0, .text = piece, .tokens = {{TinyTokenizer::kA, -0.5F, {}}}}), "");
  }
  writer->push(0, {.index = 1, .text = "x", .finish = FinishReason::kLength});
  writer->push(0, {.index = 0, .text = "d", .finish = FinishReason::kStop});
  const auto next = [&] { return Json::parse(writer->more().substr(6)); };
  const Json first = next();
  EXPECT_EQ(first["text"], "abcd");
  EXPECT_EQ(first["index"], 0);
  EXPECT_EQ(first["meta_info"]["finish_reason"]["type"], "stop");
  ASSERT_TRUE(writer->has_more());
  EXPECT_EQ(next()["text"], "x");
  EXPECT_FALSE(writer->has_more());
}

}  // namespace
}  // namespace braid::sglang
