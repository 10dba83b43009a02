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

TEST(StreamReader, KeepsTheWholeText) {
  StreamReader chat(Backend::kChat);
  chat.push(
      "data: {\"choices\": [{\"delta\": {\"reasoning_content\": \"a\"}}]}\n\n"
      "data: {\"choices\": [{\"delta\": {\"content\": \"b\"}}]}\n\n");
  EXPECT_EQ(chat.text(), "ab");
  StreamReader completion(Backend::kCompletions);
  completion.push("data: {\"choices\": [{\"text\": \"a\"}]}\n\ndata: {\"choices\": [{\"text\": \"b\"}]}\n\n");
  EXPECT_EQ(completion.text(), "ab");
  StreamReader generate(Backend::kGenerate);
  generate.push("data: {\"text\": \"a\"}\n\ndata: {\"text\": \"ab\"}\n\n");
  EXPECT_EQ(generate.text(), "ab");
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

TEST(RequestBody, ImagesStandBeforeTheText) {
  Prompt prompt{.content = std::string("\"why\""), .output_len = 6};
  const auto content = [&] {
    const Json body = parse_json(request_body({.backend = Backend::kChat, .model = "m"}, prompt)).value();
    EXPECT_EQ(body["max_tokens"], 6);
    EXPECT_EQ(body["messages"].size(), 1U);
    EXPECT_EQ(body["messages"][0]["role"], "user");
    return body["messages"][0]["content"];
  };
  EXPECT_EQ(content(), "\"why\"");
  prompt.images = {"data:image/png;base64,aa", "data:image/jpeg;base64,bb"};
  const Json parts = content();
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(parts[0]["image_url"]["url"], prompt.images[0]);
  EXPECT_EQ(parts[1]["image_url"]["url"], prompt.images[1]);
  EXPECT_EQ(parts[2], Json({{"type", "text"}, {"text", "\"why\""}}));
}

}  // namespace
}  // namespace braid::serving
