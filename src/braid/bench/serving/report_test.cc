#include "braid/bench/serving/report.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "braid/formats/json.h"

namespace braid::serving {
namespace {

TEST(Report, LatenciesAreWhatClientsSee) {
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
  // The second request waits from 0.35 to 0.55; the third from 0.75 to its end, as it gets no token.
  const std::vector<RequestTimes> requests = {
      {.start_s = 0, .end_s = 1, .pieces_s = {0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8}, .output_tokens = 7},
      {.start_s = 0.35, .end_s = 0.7, .pieces_s = {0.55, 0.7}, .output_tokens = 2}};
  const std::vector<RequestTimes> late = {{.start_s = 0.75, .end_s = 0.9, .error = "gone"}};
  const Report report = make_report(requests, late, 1);
  EXPECT_EQ(report.num_steady, 4);  // 0.1-0.2, 0.2-0.3, 0.6-0.7, and the second request's gap
  EXPECT_NEAR(report.steady_inter_token.median, 100, 1e-6);
  EXPECT_NEAR(report.steady_inter_token.mean, (3 * 100 + 150) / 4.0, 1e-6);
  EXPECT_NEAR(report.inter_token.mean, (700 + 150) / 7.0, 1e-6);
  EXPECT_EQ(report.num_completed, 2);
}

TEST(Report, RequestsWithImagesStandBesideThoseWithout) {
  std::vector<RequestTimes> requests = {
      {.start_s = 0, .end_s = 1, .pieces_s = {0.5, 0.6}, .output_tokens = 2, .has_images = true},
      {.start_s = 0, .end_s = 1, .pieces_s = {0.1, 0.3, 0.5}, .output_tokens = 3},
      {.start_s = 0, .end_s = 1, .pieces_s = {}, .has_images = true, .error = "status 400"}};
  const Report report = make_report(requests, {}, 1);
  ASSERT_TRUE(report.with_images && report.text_only);
  EXPECT_EQ(report.with_images->num_completed, 1);
  EXPECT_NEAR(report.with_images->first_token.median, 500, 1e-9);
  EXPECT_NEAR(report.with_images->inter_token.p99, 100, 1e-9);
  EXPECT_NEAR(report.text_only->first_token.median, 100, 1e-9);
  EXPECT_NEAR(report.text_only->per_output_token.median, 200, 1e-9);
  requests.erase(requests.begin() + 1);
  EXPECT_FALSE(make_report(requests, {}, 1).with_images) << "all have images";
}

TEST(Report, JsonHasOnlyWhatWasAskedFor) {
  Report report = make_report({}, {}, 2);
  Json json = parse_json(report_json(report)).value();
  for (const char* key : {"capacity_share", "long_prompts", "front_cpu_seconds", "front_cpu_us_per_output_token",
                          "with_images", "text_only", "checked_answers"}) {
    EXPECT_FALSE(json.contains(key)) << key;
  }
  report.output_tokens = 1000;
  report.server = ServerSide{.front_cpu_s = 0.05};
  report.capacity = Capacity{.requests_per_s = 4, .output_tokens_per_s = 40, .share = 0.7};
  report.long_prompts = LongPromptReport{.len = 4096, .chunk_ms = 30};
  report.long_prompts->step_ms = 12;
  report.text_only = KindReport{.num_completed = 5};
  report.answers = AnswerCheck{.num_checked = 3, .num_equal = 2};
  json = parse_json(report_json(report)).value();
  EXPECT_DOUBLE_EQ(json["front_cpu_us_per_output_token"].get<double>(), 50);
  EXPECT_DOUBLE_EQ(json["front_cpu_share_of_core"].get<double>(), 0.025);
  EXPECT_EQ(json["capacity_request_throughput"], 4);
  EXPECT_EQ(json["capacity_share"], 0.7);
  EXPECT_EQ(json["long_prompts"]["chunk_and_step_ms"], 42);
  EXPECT_EQ(json["long_prompts"]["tokens"], 4096);
  EXPECT_EQ(json["text_only"]["completed"], 5);
  EXPECT_EQ(json["checked_answers"], 3);
  EXPECT_EQ(json["equal_answers"], 2);
}

TEST(Distribution, PercentilesLieBetweenTheNearestRanks) {
  const Distribution times = distribution_of({0.004, 0.001, 0.002, 0.003});
  EXPECT_DOUBLE_EQ(times.mean, 2.5);
  EXPECT_DOUBLE_EQ(times.median, 2.5);
  EXPECT_NEAR(times.p90, 3.7, 1e-9);
}

}  // namespace
}  // namespace braid::serving
