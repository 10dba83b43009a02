#include <fmt/core.h>
#include <gtest/gtest.h>

#include "braid/api/request_check.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/prepare_request.h"
#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using testing::completion;
using testing::kLimits;

// The parameter that the error of a completion body with these further members names.
std::string refused(const std::string& members) {
  const auto parsed = parse_completion_request(R"({"prompt":"x",)" + members + "}", kLimits);
  if (!parsed.ok()) return parsed.error().param;
  // Ranges that hold for every caller are the engine's to check.
  const auto generation = to_generation_request(parsed->common, std::vector<TokenId>{1}, true, 16, {});
  const auto checked = check_request(generation, {.vocab_size = 100, .text_vocab_size = 100, .context_len = 100});
  return checked.ok() ? "accepted" : checked.error().parameter;
}

TEST(CompletionRequest, PromptsComeInFourShapes) {
  EXPECT_EQ(completion(R"({"prompt":"a"})").prompts, std::vector<Prompt>{Prompt("a")});
  EXPECT_EQ(completion(R"({"prompt":["a","b"]})").prompts, (std::vector<Prompt>{Prompt("a"), Prompt("b")}));
  const std::vector<TokenId> ids = {1, 2};
  EXPECT_EQ(completion(R"({"prompt":[1,2]})").prompts, std::vector<Prompt>{Prompt(ids)});
  EXPECT_EQ(completion(R"({"prompt":[[1,2],[1,2]]})").prompts, (std::vector<Prompt>{Prompt(ids), Prompt(ids)}));
}

TEST(CompletionRequest, ErrorNamesAWrongPrompt) {
  for (const char* body :
       {"{}", R"({"prompt":null})", R"({"prompt":[]})", R"({"prompt":5})", R"({"prompt":[1,"a"]})",
        R"({"prompt":[100]})", R"({"prompt":[-1]})", R"({"prompt":[1.5]})", R"({"prompt":[[]]})",
        R"({"prompt":[[1],[true]]})", R"({"prompt":{"a":1}})", R"({"prompt":[99999999999999999999]})"}) {
    const auto parsed = parse_completion_request(body, kLimits);
    ASSERT_FALSE(parsed.ok()) << body;
    EXPECT_EQ(parsed.error().param, "prompt") << body;
  }
}

TEST(CompletionRequest, ReadsEveryParameter) {
  const auto request = completion(R"({"prompt":"x","model":"m","max_tokens":5,"temperature":0.5,"top_p":0.9,"top_k":-1,
    "min_p":0.1,"n":3,"seed":-1,"stop":["a","b"],"stop_token_ids":[7],"min_tokens":2,"ignore_eos":true,
    "frequency_penalty":1,"presence_penalty":-2,"repetition_penalty":1.1,"logit_bias":{"5":-100},"logprobs":4,
    "skip_special_tokens":false,"no_stop_trim":true,"return_token_ids":true,"priority":-3,"dp_rank":0,"user":"u","rid":"r",
    "timeout":1.5,"stream":false,"stream_options":{"include_usage":true},"unknown":{"x":1}})");
  const CommonParameters& common = request.common;
  EXPECT_EQ(common.max_tokens, 5);
  EXPECT_EQ(common.top_k, 0);
  EXPECT_EQ(common.seed, ~uint64_t{0});
  EXPECT_EQ(common.stop_strings, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(common.logit_bias.size(), 1U);
  EXPECT_EQ(common.top_logprobs, 4);
  EXPECT_TRUE(common.logprobs && common.ignore_eos && common.return_token_ids && common.include_usage);
  const auto generation = to_generation_request(common, request.prompts[0], true, 16, {});
  EXPECT_EQ(generation.sampling.max_new_tokens, 5);
  EXPECT_EQ(generation.sampling.min_new_tokens, 2);
  EXPECT_EQ(generation.n, 3);
  EXPECT_EQ(generation.sampling.seed, ~uint64_t{0});
  EXPECT_TRUE(generation.include_stop_in_text && !generation.skip_special_tokens && !generation.until_context_end);
}

TEST(CompletionRequest, ErrorNamesTheParameterOfAWrongTypeOrRange) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("temperature":"hot")", "temperature"},
      {R"("temperature":true)", "temperature"},
      {R"("temperature":-1)", "temperature"},
      {R"("top_p":0)", "top_p"},
      {R"("top_p":1.1)", "top_p"},
      {R"("top_k":-2)", "top_k"},
      {R"("min_p":2)", "min_p"},
      {R"("n":0)", "n"},
      {R"("n":1000000)", "n"},
      {R"("n":true)", "n"},
      {R"("n":1.5)", "n"},
      {R"("max_tokens":-1)", "max_tokens"},
      {R"("max_tokens":-1)", "max_tokens"},
      {R"("max_tokens":99999999999999999999)", "max_tokens"},
      {R"("seed":"x")", "seed"},
      {R"("stop":5)", "stop"},
      {R"("stop":[""])", "stop"},
      {R"("stop_token_ids":[100])", "stop_token_ids"},
      {R"("min_tokens":5,"max_tokens":4)", "min_tokens"},
      {R"("frequency_penalty":2.1)", "frequency_penalty"},
      {R"("presence_penalty":-3)", "presence_penalty"},
      {R"("repetition_penalty":0)", "repetition_penalty"},
      {R"("logit_bias":{"100":1})", "logit_bias"},
      {R"("logit_bias":{"x":1})", "logit_bias"},
      {R"("logit_bias":{"1":101})", "logit_bias"},
      {R"("logit_bias":[1])", "logit_bias"},
      {R"("logprobs":21)", "logprobs"},
      {R"("logprobs":true)", "logprobs"},
      {R"("suffix":"x")", "suffix"},
      {R"("best_of":2)", "best_of"},
      {R"("ignore_eos":1)", "ignore_eos"},
      {R"("echo":"yes")", "echo"},
      {R"("response_format":{"type":"json_objects"})", "response_format"},
      {R"("response_format":{"type":"json_schema"})", "response_format"},
      {R"("response_format":{"type":"json_object"},"regex":"a+")", "regex"},
      {R"("regex":"")", "regex"},
      {R"("ebnf":5)", "ebnf"},
      {R"("structured_outputs":{"structural_tag":"x"})", "structured_outputs"},
      {R"("structured_outputs":{"json":{},"regex":"a"})", "structured_outputs"},
      {R"("guided_choice":[])", "guided_choice"},
      {R"("guided_choice":["a",""])", "guided_choice"},
      {R"("guided_json":"{")", "guided_json"},
      {R"("stream_options":5)", "stream_options"},
      {R"("timeout":0)", "timeout"},
      {R"("dp_rank":1)", "dp_rank"},
      {R"("routed_dp_rank":-1)", "routed_dp_rank"},
      {R"("data_parallel_rank":"0")", "data_parallel_rank"},
      {R"("dp_rank_strict":1)", "dp_rank_strict"},
      {R"("dp_rank_strict":"yes")", "dp_rank_strict"},
      {R"("guided_json":5)", "guided_json"}};
  for (const auto& [members, param] : cases) EXPECT_EQ(refused(members), param) << members;
  EXPECT_EQ(refused(R"("max_tokens":0)"), "accepted");
  EXPECT_EQ(refused(R"("logit_bias":{"foo":0},"best_of":0)"), "accepted");
  EXPECT_EQ(refused(R"("echo":true,"max_tokens":0,"logprobs":5)"), "accepted");
  EXPECT_EQ(refused(R"("best_of":1,"response_format":{"type":"text"},"suffix":null)"), "accepted");
}

TEST(CompletionRequest, LimitsTheSequencesOfOneBody) {
  ProtocolLimits limits = kLimits;
  limits.max_sequences = 6;
  const auto accepts = [&](std::string_view body) { return parse_completion_request(body, limits).ok(); };
  EXPECT_TRUE(accepts(R"({"prompt":["a","b"],"n":3})"));
  EXPECT_FALSE(accepts(R"({"prompt":["a","b"],"n":4})"));
}

TEST(CommonParameters, RefuseHostileJson) {
  for (const std::string& body :
       {std::string(), std::string("["), std::string("[]"), std::string("5"), std::string("{\"prompt\":\"\xff\"}"),
        std::string("{\"prompt\":NaN}"), std::string(100'000, '['), std::string("{\"prompt\":\"x\"} x"),
        std::string("{\"a\":") + std::string(10'000, '[') + std::string(10'000, ']') + "}"}) {
    EXPECT_FALSE(parse_completion_request(body, kLimits).ok()) << body.substr(0, 50);
    EXPECT_FALSE(parse_chat_request(body, kLimits).ok()) << body.substr(0, 50);
  }
}

}  // namespace
}  // namespace braid::openai
