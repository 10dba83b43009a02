#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <random>

#include "braid/bench/serving/client.h"
#include "braid/bench/serving/long_prompts.h"
#include "braid/bench/serving/protocol.h"
#include "braid/bench/serving/report.h"
#include "braid/bench/serving/server_counts.h"
#include "braid/bench/serving/token_gaps.h"
#include "braid/bench/serving/workload.h"
#include "braid/formats/json.h"

namespace braid::serving {
namespace {

size_t length_of(const Prompt& prompt) {
  return std::get<std::vector<TokenId>>(prompt.content).size();
}

TEST(Workload, RandomLengthsLieInTheirRangeAndASeedRepeatsThem) {
  const WorkloadOptions options{.num_prompts = 200, .seed = 7, .input_len = 40, .output_len = 20, .range_ratio = 0.5};
  const auto prompts = make_workload(options, nullptr).value();
  const auto again = make_workload(options, nullptr).value();
  ASSERT_EQ(prompts.size(), 200U);
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_GE(length_of(prompts[i]), 20U);
    EXPECT_LE(length_of(prompts[i]), 40U);
    EXPECT_GE(prompts[i].output_len, 10);
    EXPECT_LE(prompts[i].output_len, 20);
    EXPECT_EQ(prompts[i].content, again[i].content);
  }
}

TEST(Workload, HeavyTailedLengthsAreShortButForAFew) {
  const WorkloadOptions options{
      .dataset = Dataset::kHeavyTail, .num_prompts = 1000, .seed = 3, .input_len = 320, .output_len = 160};
  const auto prompts = make_workload(options, nullptr).value();
  ASSERT_EQ(prompts.size(), 1000U);
  int num_short = 0;
  int num_longest = 0;
  for (const Prompt& prompt : prompts) {
    const size_t length = std::get<std::vector<TokenId>>(prompt.content).size();
    EXPECT_TRUE(length >= 20 && length <= 320) << length;
    EXPECT_TRUE(prompt.output_len >= 10 && prompt.output_len <= 160) << prompt.output_len;
    num_short += length < 40 ? 1 : 0;
    num_longest += length == 320 ? 1 : 0;
  }
  EXPECT_NEAR(num_short, 500, 60);
  EXPECT_NEAR(num_longest, 62, 30);
}

TEST(Workload, PromptsOfAGroupShareItsPrefix) {
  const WorkloadOptions options{
      .dataset = Dataset::kSharedPrefix, .num_groups = 3, .prompts_per_group = 4, .prefix_len = 10, .question_len = 5};
  const auto prompts = make_workload(options, nullptr).value();
  ASSERT_EQ(prompts.size(), 12U);
  std::map<std::vector<TokenId>, int> prefixes;
  for (const Prompt& prompt : prompts) {
    const auto& ids = std::get<std::vector<TokenId>>(prompt.content);
    ASSERT_EQ(ids.size(), 15U);
    ++prefixes[{ids.begin(), ids.begin() + 10}];
  }
  EXPECT_EQ(prefixes.size(), 3U);
  for (const auto& [prefix, count] : prefixes) EXPECT_EQ(count, 4);
}

class WorkloadFile : public ::testing::Test {
 protected:
  ~WorkloadFile() override { std::filesystem::remove(path_); }
  WorkloadOptions file(Dataset dataset, const std::string& text) {
    std::ofstream(path_) << text;
    return {.dataset = dataset, .path = path_};
  }
  const std::string path_ =
      std::filesystem::temp_directory_path() / ("braid_workload_" + std::to_string(std::random_device{}()));
};

TEST_F(WorkloadFile, JsonLinesBringTextOrIds) {
  const auto prompts = make_workload(file(Dataset::kJsonl,
                                          "{\"prompt\": \"a\", \"output_len\": 3}\n\n"
                                          "{\"prompt\": [1, 2]}\n"),
                                     nullptr)
                           .value();
  ASSERT_EQ(prompts.size(), 2U);
  EXPECT_EQ(std::get<std::string>(prompts[0].content), "a");
  EXPECT_EQ(prompts[0].output_len, 3);
  EXPECT_EQ(std::get<std::vector<TokenId>>(prompts[1].content), (std::vector<TokenId>{1, 2}));
}

TEST_F(WorkloadFile, ABadLineIsNamed) {
  const auto result = make_workload(file(Dataset::kJsonl, "{\"prompt\": \"a\"}\n{\"prompt\": 5}\n"), nullptr);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, path_ + ":2: \"prompt\" must be a string or a list of token ids");
}

TEST_F(WorkloadFile, ShareGptTakesTheFirstQuestion) {
  WorkloadOptions options = file(Dataset::kShareGpt,
                                 R"([{"conversations": [{"from": "human", "value": "Why?"},
                                                        {"from": "gpt", "value": "So."}]},
                                     {"conversations": [{"from": "human", "value": "alone"}]}])");
  EXPECT_FALSE(make_workload(options, nullptr).ok());  // nothing counts the answer's tokens
  options.fixed_output_len = 9;
  const auto prompts = make_workload(options, nullptr).value();
  ASSERT_EQ(prompts.size(), 1U);
  EXPECT_EQ(std::get<std::string>(prompts[0].content), "Why?");
  EXPECT_EQ(prompts[0].output_len, 9);
}

TEST(ArrivalGaps, HaveTheMeanOfTheirRate) {
  const auto gaps = arrival_gaps(20'000, 4, 3);
  EXPECT_NEAR(std::accumulate(gaps.begin(), gaps.end(), 0.0) / 20'000, 0.25, 0.01);
  for (const double gap : arrival_gaps(5, std::numeric_limits<double>::infinity(), 3)) EXPECT_EQ(gap, 0);
}

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

TEST(StreamReader, GenerateTellsAllTheTextEachTime) {
  StreamReader reader(Backend::kGenerate);
  int pieces = 0;
  for (const char* text : {"a", "ab", "ab", "abc"}) {
    pieces += reader.push("data: {\"text\": \"" + std::string(text) +
                          "\", \"meta_info\": {\"prompt_tokens\": 3, \"completion_tokens\": 4}}\n\n");
  }
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(reader.output_tokens(), 4);
}

TEST(StreamReader, TokensWithoutTextCountWhereTheServerTellsThem) {
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

TEST(Report, LatenciesAreThoseOfTheClients) {
  const std::vector<RequestTimes> requests = {
      {.start_s = 0, .end_s = 1, .pieces_s = {0.2, 0.4, 0.9}, .prompt_tokens = 10, .output_tokens = 3},
      {.start_s = 0.5, .end_s = 2.5, .pieces_s = {1.5, 2.5}, .prompt_tokens = 20, .output_tokens = 2},
      {.start_s = 0, .end_s = 0.1, .error = "status 503"}};
  const Report report = make_report(requests, {}, 2.5);
  EXPECT_EQ(report.num_completed, 2);
  EXPECT_EQ(report.num_failed, 1);
  EXPECT_EQ(report.input_tokens, 30);
  EXPECT_EQ(report.output_tokens, 5);
  EXPECT_DOUBLE_EQ(report.end_to_end.mean, 1500);
  EXPECT_DOUBLE_EQ(report.first_token.mean, 600);
  EXPECT_DOUBLE_EQ(report.per_output_token.mean, (350 + 1000) / 2.0);
  EXPECT_NEAR(report.inter_token.median, 500, 1e-9);
  EXPECT_DOUBLE_EQ(report.concurrency, 3 / 2.5);
}

TEST(Report, OnlyGapsInWhichNobodyWaitsForAFirstTokenAreSteady) {
  // The second one waits from 0.35 to 0.55, the third from 0.75 to its end: it has no token.
  const std::vector<RequestTimes> requests = {
      {.start_s = 0, .end_s = 1, .pieces_s = {0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8}, .output_tokens = 7},
      {.start_s = 0.35, .end_s = 0.7, .pieces_s = {0.55, 0.7}, .output_tokens = 2}};
  const std::vector<RequestTimes> late = {{.start_s = 0.75, .end_s = 0.9, .error = "gone"}};
  const Report report = make_report(requests, late, 1);
  EXPECT_EQ(report.num_steady, 4);  // 0.1-0.2, 0.2-0.3, 0.6-0.7, and the second one's
  EXPECT_NEAR(report.steady_inter_token.median, 100, 1e-6);
  EXPECT_NEAR(report.steady_inter_token.mean, (3 * 100 + 150) / 4.0, 1e-6);
  EXPECT_NEAR(report.inter_token.mean, (700 + 150) / 7.0, 1e-6);
  EXPECT_EQ(report.num_completed, 2);
}

TEST(TokenGaps, WaitsThatOverlapAreOneWait) {
  const std::vector<RequestTimes> decoding = {{.pieces_s = {1, 2, 3, 4, 5, 6}}};
  const std::vector<RequestTimes> waiting = {{.start_s = 2.5, .end_s = 9, .pieces_s = {4.5}},
                                             {.start_s = 2.1, .end_s = 9, .pieces_s = {2.2}},
                                             {.start_s = 3.5, .end_s = 9, .pieces_s = {3.6}}};
  const TokenGaps gaps = token_gaps(decoding, waiting);
  EXPECT_EQ(gaps.steady_s.size(), 2U);     // 1-2, 5-6
  EXPECT_EQ(gaps.disturbed_s.size(), 3U);  // all that a wait lies in
  EXPECT_EQ(gaps.all().size(), 5U);
}

TEST(LongPrompts, TheLastWholeChunkIsTheLongest) {
  const auto ends = [](int32_t len, int32_t chunk) {
    const ChunkEnds found = last_chunk(len, chunk);
    return std::pair(found.shorter, found.longer);
  };
  EXPECT_EQ(ends(4096, 512), std::pair(3584, 4096));
  EXPECT_EQ(ends(4100, 512), std::pair(3584, 4096));
  EXPECT_EQ(ends(700, 512), std::pair(0, 512));
  EXPECT_EQ(ends(100, 512), std::pair(0, 100));
}

TEST(LongPrompts, TokensBesideThemStandBesideAChunkAndAStep) {
  const std::vector<RequestTimes> decoding = {{.pieces_s = {1, 1.1, 1.2, 2.2, 3.1, 3.2}}};
  const std::vector<RequestTimes> arrived = {{.start_s = 1.25, .end_s = 3.1, .pieces_s = {3.1}}};
  const LongPromptReport report =
      report_long_prompts(decoding, arrived, {.count = 1, .len = 64}, /*steady_step_ms=*/100, /*chunk_s=*/0.95);
  EXPECT_EQ(report.num_completed, 1);
  EXPECT_EQ(report.num_gaps, 2);  // 1.2-2.2, 2.2-3.1
  EXPECT_NEAR(report.inter_token.mean, 950, 1e-6);
  EXPECT_NEAR(report.first_token.median, 1850, 1e-6);
  EXPECT_NEAR(*report.chunk_and_step_ms(), 1050, 1e-6);
  EXPECT_FALSE(report_long_prompts(decoding, arrived, {}, 100, std::nullopt).chunk_and_step_ms().has_value());
}

TEST(Report, JsonHasWhatWasAskedForAlone) {
  Report report = make_report({}, {}, 2);
  Json json = parse_json(report_json(report)).value();
  for (const char* key : {"capacity_share", "long_prompts", "front_cpu_seconds", "front_cpu_us_per_output_token"}) {
    EXPECT_FALSE(json.contains(key)) << key;
  }
  report.output_tokens = 1000;
  report.server = ServerSide{.front_cpu_s = 0.05};
  report.capacity = Capacity{.requests_per_s = 4, .output_tokens_per_s = 40, .share = 0.7};
  report.long_prompts = LongPromptReport{.len = 4096, .chunk_ms = 30};
  report.long_prompts->step_ms = 12;
  json = parse_json(report_json(report)).value();
  EXPECT_DOUBLE_EQ(json["front_cpu_us_per_output_token"].get<double>(), 50);
  EXPECT_DOUBLE_EQ(json["front_cpu_share_of_core"].get<double>(), 0.025);
  EXPECT_EQ(json["capacity_request_throughput"], 4);
  EXPECT_EQ(json["capacity_share"], 0.7);
  EXPECT_EQ(json["long_prompts"]["chunk_and_step_ms"], 42);
  EXPECT_EQ(json["long_prompts"]["tokens"], 4096);
}

TEST(Distribution, PercentilesLieBetweenTheNearestRanks) {
  const Distribution times = distribution_of({0.004, 0.001, 0.002, 0.003});
  EXPECT_DOUBLE_EQ(times.mean, 2.5);
  EXPECT_DOUBLE_EQ(times.median, 2.5);
  EXPECT_NEAR(times.p90, 3.7, 1e-9);
}

TEST(BaseUrl, IsHostAndPort) {
  EXPECT_EQ(parse_base_url("http://localhost:8000/").value().port, "8000");
  EXPECT_EQ(parse_base_url("http://[::1]:8000").value().host, "::1");
  EXPECT_EQ(parse_base_url("http://example").value().port, "80");
  for (const char* url : {"https://a:1", "a:1", "http://", "http://a:0", "http://a:x", "http://a/b"}) {
    EXPECT_FALSE(parse_base_url(url).ok()) << url;
  }
}

TEST(ServerCounts, OfARunAreTheDifference) {
  const auto info = [](int64_t tokens, int64_t even, int64_t prompt, int64_t cached) {
    const Json group = {{"num_prompt_tokens", prompt}, {"num_cached_tokens", cached}};
    const Json all = {{"dp_size", 2},
                      {"num_step_tokens", tokens},
                      {"num_even_step_tokens", even},
                      {"internal_states", Json::array({group, group})}};
    return parse_server_counts(all.dump());
  };
  const ServerSide during = info(190, 300, 500, 100)->since(*info(100, 200, 400, 75));
  EXPECT_EQ(during.dp_size, 2);
  EXPECT_DOUBLE_EQ(during.balance_ratio, 0.9);
  EXPECT_DOUBLE_EQ(during.prefix_hit_rate, 0.25);
}

TEST(ServerCounts, TellTheTimeOfAllThreadsButTheRanks) {
  const auto info = [](const Json& cpu, const Json& chunk) {
    const Json all = {{"dp_size", 1},       {"num_step_tokens", 1},          {"num_even_step_tokens", 1},
                      {"cpu_seconds", cpu}, {"chunked_prefill_size", chunk}, {"internal_states", Json::array()}};
    return *parse_server_counts(all.dump());
  };
  const ServerCounts before = info({{"front", 1.5}, {"rank", 100}}, 512);
  EXPECT_EQ(before.chunked_prefill_size, 512);
  EXPECT_DOUBLE_EQ(*info({{"front", 1.75}}, 512).since(before).front_cpu_s, 0.25);
  EXPECT_FALSE(info("much", -1).since(before).front_cpu_s.has_value());
  EXPECT_FALSE(info(nullptr, -1).chunked_prefill_size.has_value());
}

TEST(ServerCounts, OfAServerThatSaysOtherThingsAreNone) {
  for (const char* info : {"", "[]", "{}", "not json", R"({"dp_size": 2, "internal_states": []})",
                           R"({"dp_size": 2, "num_step_tokens": "1", "num_even_step_tokens": 1,
                               "internal_states": []})",
                           R"({"dp_size": 2, "num_step_tokens": 1, "num_even_step_tokens": 1,
                               "internal_states": [7]})"}) {
    EXPECT_FALSE(parse_server_counts(info).has_value()) << info;
  }
}

}  // namespace
}  // namespace braid::serving
