#include "braid/server/openai/write/responses.h"

#include <gtest/gtest.h>

#include "tests/support/server/openai/parsed_requests.h"
#include "tests/support/server/openai/tiny_tokenizer.h"

namespace braid::openai {
namespace {

using testing::completion;
using testing::TinyTokenizer;

PromptResult tiny_result() {
  ChoiceResult choice;
  choice.add(
      {.text = "a", .tokens = {{0, -0.5F, {{0, -0.5F}, {3, -1.0F}}}}, .matched_stop = {}, .usage = {}, .error = {}});
  choice.add({.text = "\xc3\xa9",
              .tokens = {{3, -0.25F, {{3, -0.25F}}}, {4, -2.0F, {}}},
              .finish = FinishReason::kStop,
              .matched_stop = TokenId{4},
              .usage = {.prompt_tokens = 2, .cached_tokens = 1, .output_tokens = 3},
              .error = {}});
  return {.prompt_ids = {0, 1}, .prompt_text = "P", .choices = {choice, choice}};
}

TEST(ChatResponse, HasAllTokenIdsAndLogprobsWithoutTheStop) {
  const auto request = testing::chat(
      R"({"messages":[{"role":"user","content":"x"}],"logprobs":true,"top_logprobs":2,"return_token_ids":true})");
  const Json response = chat_response({"chatcmpl-1", 5, "m"}, request, tiny_result(), TinyTokenizer());
  EXPECT_EQ(response["object"], "chat.completion");
  const Json& choice = response["choices"][1];
  EXPECT_EQ(choice["index"], 1);
  EXPECT_EQ(choice["message"]["content"], "a\xc3\xa9");
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_EQ(choice["token_ids"], Json::parse("[0,3,4]"));
  ASSERT_EQ(choice["logprobs"]["content"].size(), 2U);
  EXPECT_EQ(choice["logprobs"]["content"][1]["bytes"], Json::parse("[195,169]"));
  EXPECT_EQ(choice["logprobs"]["content"][0]["top_logprobs"].size(), 2U);
  EXPECT_EQ(response["prompt_token_ids"], Json::parse("[0,1]"));
  EXPECT_EQ(response["usage"], Json::parse(R"({"prompt_tokens":2,"completion_tokens":6,"total_tokens":8,
    "prompt_tokens_details":{"cached_tokens":1}})"));
}

TEST(CompletionResponse, EchoesAndSumsUpThePrompts) {
  const auto request = completion(R"({"prompt":["x","y"],"echo":true,"n":2})");
  const Json response =
      completion_response({"cmpl-1", 5, "m"}, request, {tiny_result(), tiny_result()}, TinyTokenizer());
  EXPECT_EQ(response["choices"].size(), 4U);
  EXPECT_EQ(response["choices"][3]["index"], 3);
  EXPECT_EQ(response["choices"][3]["text"], "Pa\xc3\xa9");
  EXPECT_EQ(response["choices"][0]["logprobs"], nullptr);
  EXPECT_EQ(response["usage"]["prompt_tokens"], 4);
  EXPECT_EQ(response["usage"]["completion_tokens"], 12);
}

TEST(CompletionResponse, LogprobsAreParallelLists) {
  const auto request = completion(R"({"prompt":"x","logprobs":2})");
  const Json response = completion_response({"cmpl-1", 5, "m"}, request, {tiny_result()}, TinyTokenizer());
  const Json& logprobs = response["choices"][0]["logprobs"];
  EXPECT_EQ(logprobs["tokens"], Json::parse(R"(["a","é"])"));
  EXPECT_EQ(logprobs["text_offset"], Json::parse("[0,1]"));
  EXPECT_EQ(logprobs["top_logprobs"][0].size(), 2U);
}

TEST(CompletionResponse, LogprobsDropTheFirstSpaceIfTheTextDoes) {
  PromptResult result{.prompt_ids = {TinyTokenizer::kA}, .choices = {{.text = "b b"}}};
  result.choices[0].tokens = {{.token = TinyTokenizer::kSpaceB}, {.token = TinyTokenizer::kSpaceB}};
  const auto logprobs = [&](const char* body) -> Json {
    return completion_response({}, completion(body), {result}, TinyTokenizer())["choices"][0]["logprobs"];
  };
  EXPECT_EQ(logprobs(R"({"prompt":"x","logprobs":0})")["tokens"], Json::parse(R"(["b"," b"])"));
  result.continues_text = true;
  result.choices[0].text = " b b";
  EXPECT_EQ(logprobs(R"({"prompt":"x","logprobs":0})")["tokens"], Json::parse(R"([" b"," b"])"));
  EXPECT_EQ(logprobs(R"({"prompt":"x","logprobs":0})")["text_offset"], Json::parse("[0,2]"));
  // A token that the text leaves out is not the text's first.
  result.prompt_ids = {TinyTokenizer::kStop, TinyTokenizer::kSpaceB};
  result.choices[0].prompt_logprobs = {{.token = TinyTokenizer::kSpaceB}};
  const Json echoed = logprobs(R"({"prompt":"b","logprobs":0,"echo":true})");
  EXPECT_EQ(echoed["tokens"], Json::parse(R"(["</s>","b"," b"," b"])"));
  EXPECT_EQ(echoed["text_offset"], Json::parse("[0,0,1,3]"));
}

TEST(CompletionResponse, EchoedLogprobsBeginWithThePromptWhoseFirstTokenHasNone) {
  const auto request = completion(R"({"prompt":"x","echo":true,"logprobs":1,"n":2})");
  PromptResult result = tiny_result();
  result.prompt_ids = {4, 1, 2, 0};  // "</s>" is not in the text; tokens 1 and 2 are one character, which begins in 1
  result.prompt_text =
      "\xc3\xa9"
      "a";
  result.choices[0].prompt_logprobs = {
      {1, -3.0F, {{0, -1.0F}}}, {2, -0.125F, {{2, -0.125F}}}, {0, -2.0F, {{3, -1.5F}}}};
  const Json response = completion_response({"cmpl-1", 5, "m"}, request, {result}, TinyTokenizer());
  for (const Json& choice : response["choices"]) {
    const Json& logprobs = choice["logprobs"];
    EXPECT_EQ(choice["text"],
              "\xc3\xa9"
              "aa\xc3\xa9");
    EXPECT_EQ(logprobs["token_logprobs"], Json::parse("[null,-3.0,-0.125,-2.0,-0.5,-0.25]"));
    EXPECT_EQ(logprobs["top_logprobs"][0], nullptr);
    EXPECT_EQ(logprobs["top_logprobs"][3], Json::parse(R"({"é":-1.5})"));
    EXPECT_EQ(logprobs["text_offset"], Json::parse("[0,0,1,1,2,3]"));
    EXPECT_EQ(logprobs["tokens"][0], "</s>");
    EXPECT_EQ(logprobs["bytes"][1], Json::parse("[195]"));
  }
}

}  // namespace
}  // namespace braid::openai
