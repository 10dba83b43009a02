#include "braid/bench/serving/protocol.h"

#include <gtest/gtest.h>

#include <string>

#include "braid/formats/json.h"

namespace braid::serving {
namespace {

TEST(StreamReader, CountsPiecesAndUsageHoweverTheBytesCome) {
  const std::string stream =
      ": waiting\n\n"
      "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"\"}}]}\n\n"
      "data: {\"choices\": [{\"delta\": {\"content\": \"a\\n\\nb\"}}]}\n\n"
      "data: {\"choices\": [{\"delta\": {\"content\": \"c\"}}], \"usage\": null}\n\n"
      "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 5, \"completion_tokens\": 2}}\n\n"
      "data: [DONE]\n\n";
  for (const size_t step : {size_t{1}, size_t{7}, stream.size()}) {
    StreamReader reader(Backend::kChat);
    int pieces = 0;
    for (size_t i = 0; i < stream.size(); i += step) pieces += reader.push(std::string_view(stream).substr(i, step));
    EXPECT_EQ(pieces, 2);
    EXPECT_TRUE(reader.is_done());
    EXPECT_EQ(reader.prompt_tokens(), 5);
    EXPECT_EQ(reader.output_tokens(), 2);
    EXPECT_EQ(reader.error(), "");
  }
}

TEST(StreamReader, GenerateRepeatsAllTheTextInEachEvent) {
  StreamReader reader(Backend::kGenerate);
  int pieces = 0;
  for (const char* text : {"a", "ab", "ab", "abc"}) {
    pieces += reader.push("data: {\"text\": \"" + std::string(text) +
                          "\", \"meta_info\": {\"prompt_tokens\": 3, \"completion_tokens\": 4}}\n\n");
  }
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(reader.output_tokens(), 4);
}

TEST(StreamReader, CountsTokensWithoutTextIfTheServerReportsThem) {
  const std::string stream =
      "data: {\"choices\": [{\"text\": \"a\", \"token_ids\": [7]}]}\n\n"
      "data: {\"choices\": [{\"text\": \"\", \"token_ids\": [8]}]}\n\n"
      "data: {\"choices\": [{\"text\": \"\", \"finish_reason\": \"length\"}]}\n\n";
  EXPECT_EQ(StreamReader(Backend::kCompletions).push(stream), 2);
  const auto event = [](int count) {
    return "data: {\"text\": \"a\", \"meta_info\": {\"completion_tokens\": " + std::to_string(count) + "}}\n\n";
  };
  EXPECT_EQ(StreamReader(Backend::kGenerate).push(event(1) + event(2) + event(2)), 2);
}

TEST(StreamReader, AnErrorInTheStreamIsKept) {
  StreamReader reader(Backend::kCompletions);
  reader.push("data: {\"error\": {\"message\": \"the engine has failed\"}}\n\ndata: [DONE]\n\n");
  EXPECT_EQ(reader.error(), "the engine has failed");
}

TEST(RequestBody, AsksForTheWholeLength) {
  const Json body =
      parse_json(request_body({.model = "m"}, {.content = std::vector<TokenId>{4, 5}, .output_len = 6})).value();
  EXPECT_EQ(body["prompt"], Json::parse("[4, 5]"));
  EXPECT_EQ(body["max_tokens"], 6);
  EXPECT_EQ(body["ignore_eos"], true);
  EXPECT_EQ(body["stream_options"]["include_usage"], true);
  EXPECT_FALSE(body.contains("return_token_ids"));
  const Prompt prompt{.content = std::vector<TokenId>{4}, .output_len = 1};
  EXPECT_EQ(parse_json(request_body({.return_token_ids = true}, prompt)).value()["return_token_ids"], true);
}

}  // namespace
}  // namespace braid::serving
