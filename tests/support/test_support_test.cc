#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/model_fixture.h"
#include "tests/support/seeded_weights.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {
namespace {

namespace fs = std::filesystem;

uint64_t fnv1a(std::span<const std::byte> bytes) {
  uint64_t hash = 0xCBF29CE484222325U;
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<uint64_t>(byte)) * 0x100000001B3U;
  return hash;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The numbers are what tools/seeded_weights.py gives.
TEST(SeededWeights, AreThoseOfThePythonGenerator) {
  const uint64_t key = seeded_key(7, "model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(key, 0xa937c1e9aaf5b89cU);
  EXPECT_EQ(std::bit_cast<uint32_t>(seeded_unit(key, 0) * 0.125F), 0x3cf47682U);
  EXPECT_EQ(std::bit_cast<uint32_t>(seeded_unit(key, 3) * 0.125F), 0x3d41764cU);
  const auto hash = [](const char* name, float scale, float offset, DType dtype) {
    return fnv1a(seeded_bytes(seeded_key(12345, name), 10007, scale, offset, dtype));
  };
  EXPECT_EQ(hash("w", 0.02F, 0, DType::kFloat32), 0x27f4cf83fb3062e2U);
  EXPECT_EQ(hash("norm", 0.1F, 1, DType::kFloat32), 0x35bf297861216bd6U);
  EXPECT_EQ(hash("w", 0.02F, 0, DType::kFloat16), 0x846c03e8c3f7b4bbU);
  EXPECT_EQ(hash("norm", 0.1F, 1, DType::kFloat16), 0xe9599be5d148b848U);
  EXPECT_EQ(hash("tiny", 3e-6F, 0, DType::kFloat16), 0xca5c40fbaccb6e2bU);
  EXPECT_EQ(hash("w", 0.02F, 0, DType::kBFloat16), 0x1440e3f27cc76711U);
  EXPECT_EQ(hash("norm", 0.1F, 1, DType::kBFloat16), 0x9012d95542ba5a68U);
}

TEST(SeededWeights, BytesAreThoseOfThePythonGenerator) {
  const uint64_t key = seeded_key(12345, "b");
  EXPECT_EQ(fnv1a(seeded_bytes_within(key, 10007, 0, 255)), 0x13d82fb8113757f5U);
  EXPECT_EQ(fnv1a(seeded_bytes_within(key, 10007, 120, 122)), 0x6ee04ecdd1be0f71U);
}

TEST(SeededWeights, RoundingToHalfInvertsReadingIt) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Float16 half{static_cast<uint16_t>(bits)};
    const float value = to_float(half);
    if (std::isnan(value)) continue;
    ASSERT_EQ(to_float16(value).bits, half.bits);
  }
  EXPECT_EQ(to_float16(1.0F + 0x1p-11F).bits, 0x3C00);                 // a tie goes to the even one
  EXPECT_EQ(to_float16(1.0F + 0x1p-11F + 0x1p-20F).bits, 0x3C01);      // more than a tie goes up
  EXPECT_EQ(to_float16(std::nextafter(0x1p-14F, 0.0F)).bits, 0x0400);  // the largest denormal rounds up to a normal
  EXPECT_EQ(to_float16(1e9F).bits, 0x7C00);
}

TEST(ModelFixture, EveryOneCanBeRead) {
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

  // A head that is stored although tied has the embedding's bytes.
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

TEST(TemporaryFolder, LeavesNothingBehind) {
  fs::path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    std::ofstream(path / "file") << "x";
    ASSERT_TRUE(fs::exists(path / "file"));
  }
  EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace braid::testing
