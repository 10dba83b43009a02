// SGLang's bodies in, requests or named errors out; deltas in, SGLang's keys out.
#include "braid/server/sglang/generate_answer.h"

#include <gtest/gtest.h>

#include "braid/server/sglang/generate_request.h"
#include "braid/server/sglang/text_requests.h"
#include "tests/support/server/openai/tiny_tokenizer.h"

namespace braid::sglang {
namespace {

using openai::ApiError;
using openai::Prompt;
using openai::testing::TinyTokenizer;

const openai::ProtocolLimits kLimits{.vocab_size = 100};

GenerateRequest generate(std::string_view body) {
  auto parsed = parse_generate_request(body, kLimits);
  if (const auto* error = std::get_if<ApiError>(&parsed)) ADD_FAILURE() << body << ": " << error->message;
  return std::holds_alternative<GenerateRequest>(parsed) ? std::get<GenerateRequest>(parsed) : GenerateRequest{};
}

std::string refused(const std::string& body) {
  const auto parsed = parse_generate_request(body, kLimits);
  const auto* error = std::get_if<ApiError>(&parsed);
  return error != nullptr ? error->param : "accepted";
}

TEST(GenerateRequest, OnePromptOrAListOfThem) {
  const auto one = generate(R"({"text":"a","sampling_params":{"max_new_tokens":5,"sampling_seed":7},"rid":"r",
    "stream":true,"timeout":2,"priority":3})");
  ASSERT_EQ(one.items.size(), 1U);
  EXPECT_FALSE(one.is_list);
  EXPECT_EQ(one.items[0].prompt, Prompt("a"));
  EXPECT_EQ(one.items[0].parameters.max_tokens, 5);
  EXPECT_EQ(one.items[0].parameters.seed, 7U);
  EXPECT_EQ(one.items[0].parameters.priority, 3);
  EXPECT_EQ(one.rid, "r");
  EXPECT_TRUE(one.stream);
  EXPECT_EQ(one.timeout_s, 2);

  const auto list = generate(R"({"input_ids":[[1,2],[3]],"sampling_params":[{"temperature":0},{"n":2}],
    "return_logprob":[true,false],"logprob_start_len":[0,-1],"top_logprobs_num":2,"rid":["x","y"]})");
  ASSERT_EQ(list.items.size(), 2U);
  EXPECT_TRUE(list.is_list);
  EXPECT_EQ(list.items[1].prompt, Prompt(std::vector<TokenId>{3}));
  EXPECT_EQ(list.items[0].parameters.temperature, 0.0F);
  EXPECT_EQ(list.items[1].parameters.n, 2);
  EXPECT_TRUE(list.items[0].parameters.logprobs && !list.items[1].parameters.logprobs);
  EXPECT_EQ(list.items[0].logprob_start_len, 0);
  EXPECT_EQ(list.items[0].parameters.top_logprobs, 2);
  EXPECT_EQ(list.items[1].rid, "y");

  EXPECT_TRUE(generate(R"({"text":["only"]})").is_list);
  EXPECT_EQ(generate(R"({"text":"a"})").items[0].parameters.max_tokens, 128);
  EXPECT_EQ(generate(R"({"text":["a","b"],"sampling_params":{"max_new_tokens":0}})").items[1].parameters.max_tokens, 0);
}

TEST(GenerateRequest, WhatIsWrongIsNamed) {
  EXPECT_EQ(refused("{}"), "text");
  EXPECT_EQ(refused(R"({"text":"a","input_ids":[1]})"), "text");
  EXPECT_EQ(refused(R"({"text":[1]})"), "text");
  EXPECT_EQ(refused(R"({"input_ids":"a"})"), "input_ids");
  EXPECT_EQ(refused(R"({"input_ids":[]})"), "input_ids");
  EXPECT_EQ(refused(R"({"input_ids":[[1],[]]})"), "input_ids");
  EXPECT_EQ(refused(R"({"input_ids":[[1],"a"]})"), "input_ids");
  EXPECT_EQ(refused(R"({"text":["a",[1]]})"), "text");
  EXPECT_EQ(refused(R"({"input_ids":[100]})"), "input_ids");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":5})"), "sampling_params");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"temperature":true}})"), "sampling_params.temperature");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"max_new_tokens":-1}})"), "sampling_params.max_new_tokens");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"max_new_tokens":1,"min_new_tokens":2}})"),
            "sampling_params.min_new_tokens");
  EXPECT_EQ(refused(R"({"text":["a","b"],"sampling_params":[{}]})"), "sampling_params");
  EXPECT_EQ(refused(R"({"text":["a","b"],"return_logprob":[true]})"), "return_logprob");
  EXPECT_EQ(refused(R"({"text":"a","return_logprob":1})"), "return_logprob");
  EXPECT_EQ(refused(R"({"text":"a","logprob_start_len":-2})"), "logprob_start_len");
  EXPECT_EQ(refused(R"({"text":"a","top_logprobs_num":101})"), "top_logprobs_num");
  EXPECT_EQ(refused(R"({"text":["a","b"],"rid":["x"]})"), "rid");
  EXPECT_EQ(refused(R"({"text":["a","b"],"rid":["x","x"]})"), "rid");
  EXPECT_EQ(refused(R"({"text":"a","rid":5})"), "rid");
  EXPECT_EQ(refused(R"({"text":"a","image_data":"x"})"), "image_data");
  EXPECT_EQ(refused(R"({"text":"a","stream":"yes"})"), "stream");
  EXPECT_EQ(refused(R"({"text":"a","sampling_params":{"json_schema":5}})"), "sampling_params.json_schema");
}

TEST(TextRequests, ATextAListOrAConversation) {
  const auto tokenize = [](std::string_view body) { return parse_tokenize_request(body, kLimits); };
  const auto text = std::get<TokenizeRequest>(tokenize(R"({"prompt":"a","add_special_tokens":false})"));
  EXPECT_EQ(std::get<std::string>(text.prompt), "a");
  EXPECT_FALSE(text.add_special_tokens);
  EXPECT_EQ(std::get<1>(std::get<TokenizeRequest>(tokenize(R"({"prompt":["a","b"]})")).prompt).size(), 2U);
  EXPECT_TRUE(std::holds_alternative<openai::ChatRequest>(
      std::get<TokenizeRequest>(tokenize(R"({"messages":[{"role":"user","content":"a"}]})")).prompt));
  for (const char* body : {"{}", R"({"prompt":5})", R"({"prompt":[1]})", R"({"prompt":"a","messages":[]})", "[",
                           R"({"prompt":"a","add_special_tokens":1})"}) {
    EXPECT_TRUE(std::holds_alternative<ApiError>(tokenize(body))) << body;
  }
  const auto detokenize = [](std::string_view body) { return parse_detokenize_request(body, kLimits); };
  EXPECT_EQ(std::get<DetokenizeRequest>(detokenize(R"({"tokens":[1,2]})")).tokens.size(), 1U);
  EXPECT_TRUE(std::get<DetokenizeRequest>(detokenize(R"({"tokens":[[1],[2]]})")).is_list);
  EXPECT_EQ(std::get<DetokenizeRequest>(detokenize(R"({"tokens":[]})")).tokens.size(), 1U);
  for (const char* body : {"{}", R"({"tokens":"a"})", R"({"tokens":["a"]})", R"({"tokens":[100]})"}) {
    EXPECT_TRUE(std::holds_alternative<ApiError>(detokenize(body))) << body;
  }
  EXPECT_TRUE(std::get<AbortRequest>(parse_abort_request(R"({"abort_all":true})", kLimits)).all);
  EXPECT_EQ(std::get<ApiError>(parse_abort_request("{}", kLimits)).param, "rid");
}

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

TEST(GenerateAnswer, WithoutLogprobsThereAreNone) {
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

// The events of one delta, whose client takes all at once.
std::string said(openai::AnswerWriter& writer, const Delta& delta) {
  std::string events = writer.push(0, delta);
  while (writer.has_more()) events += writer.more();
  return events;
}

TEST(GenerateStream, EveryEventHasAllThatCameSoFar) {
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

TEST(GenerateStream, LongEventsComeOnlyWithNewsWorthTheirLength) {
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

TEST(GenerateStream, WhatWaitsIsJoinedByWhatComes) {
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
