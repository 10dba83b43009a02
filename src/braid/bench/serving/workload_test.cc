#include "braid/bench/serving/workload.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>

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

TEST(Workload, AShareOfThePromptsHasImagesOfItsOwn) {
  WorkloadOptions options{.dataset = Dataset::kRandomImage,
                          .num_prompts = 40,
                          .seed = 7,
                          .input_len = 10,
                          .image_size = {.width = 16, .height = 8},
                          .image_count = 2,
                          .image_share = 0.5};
  const auto prompts = make_workload(options, nullptr).value();
  const auto again = make_workload(options, nullptr).value();
  std::set<std::string> images;
  size_t num_with_images = 0;
  ASSERT_EQ(prompts.size(), 40U);
  for (size_t i = 0; i < prompts.size(); ++i) {
    EXPECT_FALSE(std::get<std::string>(prompts[i].content).empty());
    EXPECT_EQ(prompts[i].content, again[i].content);
    EXPECT_EQ(prompts[i].images, again[i].images);
    EXPECT_TRUE(prompts[i].images.empty() || prompts[i].images.size() == 2);
    num_with_images += prompts[i].images.empty() ? 0 : 1;
    images.insert(prompts[i].images.begin(), prompts[i].images.end());
  }
  EXPECT_NEAR(static_cast<double>(num_with_images), 20, 8);
  EXPECT_EQ(images.size(), 2 * num_with_images);
  options.image_share = 1;
  for (const Prompt& prompt : make_workload(options, nullptr).value()) EXPECT_EQ(prompt.images.size(), 2U);
  options.image_size = {.width = 10'000, .height = 10'000};
  EXPECT_EQ(make_workload(options, nullptr).error().message,
            "80 images of 10000 x 10000 pixels: together they must have at most 2147483648 pixels");
}

TEST(Workload, MostHeavyTailedLengthsAreShort) {
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

TEST(Workload, PromptsShareAsManyPrefixesAsAskedFor) {
  const WorkloadOptions options{.dataset = Dataset::kSharedPrefix,
                                .num_prefixes = 3,
                                .prompts_per_prefix = 4,
                                .prefix_len = 10,
                                .question_len = 5};
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

TEST_F(WorkloadFile, JsonLinesHaveTextOrIds) {
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

}  // namespace
}  // namespace braid::serving
