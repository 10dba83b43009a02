#include "tests/support/model_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/temporary_folder.h"

namespace braid::testing {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ModelFixture, EveryFixtureCanBeRead) {
  const auto names = checkpoint_fixture_names();
  EXPECT_GE(names.size(), 15U);
  for (const std::string& name : names) {
    const ModelFixture fixture = read_model_fixture(name);
    EXPECT_GT(fixture.bfloat16_median_kl, 0) << name;
    ASSERT_FALSE(fixture.prompts.empty()) << name;
    for (const FixturePrompt& prompt : fixture.prompts) {
      EXPECT_GE(prompt.greedy.size(), 16U);
      // The first greedy id is the best of the last row, so ids and rows belong together.
      ASSERT_EQ(prompt.rows.back() + 1, static_cast<int32_t>(prompt.ids.size()));
      const auto last = prompt.expected.last(static_cast<size_t>(fixture.vocab));
      EXPECT_EQ(std::max_element(last.begin(), last.end()) - last.begin(), prompt.greedy.front()) << name;
    }
  }
}

TEST(ModelFixture, AShardedCheckpointHoldsTheBytesOfTheSingleFile) {
  const ModelFixture fixture = read_model_fixture("qwen3_tied");
  const TemporaryFolder one;
  const TemporaryFolder three;
  write_checkpoint(fixture, one.path());
  write_checkpoint(fixture, three.path(), {.num_shards = 3});

  const auto data_of = [](const fs::path& path) {
    const std::string text = read_file(path);
    const auto header_bytes = *reinterpret_cast<const uint64_t*>(text.data());
    EXPECT_EQ(header_bytes % 8, 0U);
    const auto header = nlohmann::json::parse(text.substr(8, header_bytes));
    return std::pair{header, text.substr(8 + header_bytes)};
  };
  const auto [header, data] = data_of(one.path() / "model.safetensors");
  const auto index = nlohmann::json::parse(read_file(three.path() / "model.safetensors.index.json"));
  EXPECT_EQ(index.at("weight_map").size(), fixture.tensors.size());
  std::string joined;
  for (int shard = 1; shard <= 3; ++shard) {
    joined += data_of(three.path() / ("model-0000" + std::to_string(shard) + "-of-00003.safetensors")).second;
  }
  EXPECT_EQ(joined, data);
  EXPECT_EQ(read_file(one.path() / "config.json"), read_file(fixture.folder / "config.json"));

  // A head that is stored although it is tied has the embedding's bytes.
  const auto bytes_of = [&, &head = header, &all = data](const std::string& name) {
    const auto span = head.at(name).at("data_offsets").get<std::vector<size_t>>();
    return all.substr(span[0], span[1] - span[0]);
  };
  EXPECT_EQ(bytes_of("lm_head.weight"), bytes_of("model.embed_tokens.weight"));
}

TEST(ModelFixture, DifferencesAreMeasuredAsTheReadmeSays) {
  const std::vector<float> expected = {1, -4, 2, 0};
  EXPECT_EQ(relative_difference(expected, expected), 0);
  EXPECT_EQ(relative_difference(std::vector<float>{1, -4, 2, 1}, expected), 0.25);
  EXPECT_TRUE(std::isinf(relative_difference(std::vector<float>{1, -4, 2, std::nanf("")}, expected)));
  EXPECT_EQ(median_kl(expected, expected, 2), 0);
  const double kl = median_kl(std::vector<float>{0, 0}, std::vector<float>{std::log(3.0F), 0}, 2);
  EXPECT_NEAR(kl, 0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-7);
}

}  // namespace
}  // namespace braid::testing
