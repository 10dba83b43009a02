// Prompts with images of a model fixture: what transformers computes for them, and the features that its vision tower
// made of the images (tests/fixtures/models/README.md).
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "braid/base/check.h"
#include "braid/request/image_span.h"
#include "braid/worker/image_feature_source.h"
#include "tests/support/model_fixture.h"

namespace braid::testing {

struct ImagePrompt {
  std::vector<TokenId> ids;  // with placeholders
  std::vector<ImageSpan> images;
  std::vector<int32_t> rows;  // positions with expected logits
  std::vector<TokenId> greedy;
  std::span<const float> expected;  // [rows.size(), vocab]

  // Those that begin before token `end`.
  std::vector<ImageSpan> images_before(int64_t end) const {
    std::vector<ImageSpan> before;
    std::ranges::copy_if(images, std::back_inserter(before), [&](const ImageSpan& one) { return one.first < end; });
    return before;
  }
};

// The features of a fixture's images, by keys that this makes.
class FixtureFeatures final : public ImageFeatureSource {
 public:
  const ImageFeatureRows* find(const ImageKey& key) override {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second;
  }

  // Points into `values`, which begin with the embeddings.
  void add(const ImageKey& key, std::span<const float> values, int64_t num_levels, int64_t hidden) {
    const int64_t num_tokens = std::ssize(values) / num_levels / hidden;
    const auto level = [&](int64_t index) {
      return make_rows(values.data() + index * num_tokens * hidden, num_tokens, hidden);
    };
    ImageFeatureRows& features = by_key_[key];
    features.embeddings = level(0);
    for (int64_t i = 1; i < num_levels; ++i) features.deepstack.push_back(level(i));
  }

 private:
  std::map<ImageKey, ImageFeatureRows> by_key_;
};

struct ImagePromptFixture {
  std::vector<ImagePrompt> prompts;
  FixtureFeatures features;
  std::vector<float> feature_values;
  std::vector<float> logits;

  ImagePromptFixture() = default;
  ImagePromptFixture(ImagePromptFixture&&) = default;  // prompts and features point into its vectors
  ImagePromptFixture& operator=(ImagePromptFixture&&) = default;
};

inline bool has_image_prompts(const std::string& name) {
  return std::filesystem::exists(model_fixtures_folder() / name / "image_prompts.json");
}

inline std::vector<std::string> image_prompt_fixture_names() {
  std::vector<std::string> names = checkpoint_fixture_names();
  std::erase_if(names, [](const std::string& name) { return !has_image_prompts(name); });
  return names;
}

inline ImagePromptFixture read_image_prompts(const std::string& name, int64_t vocab) {
  const auto read_floats = [&](const char* file) {
    const auto path = model_fixtures_folder() / name / file;
    std::vector<float> values(std::filesystem::file_size(path) / sizeof(float));
    std::ifstream in(path, std::ios::binary);
    in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
    CHECK(in.good(), "cannot read {}", path.string());
    return values;
  };
  std::ifstream in(model_fixtures_folder() / name / "image_prompts.json");
  const auto root = nlohmann::json::parse(in);
  ImagePromptFixture fixture;
  fixture.feature_values = read_floats("image_features.f32");
  fixture.logits = read_floats("image_logits.f32");
  const int64_t num_levels = root.at("levels");
  const int64_t hidden = root.at("hidden");

  std::vector<ImageSpan> images;
  size_t next = 0;
  for (const auto& grid : root.at("images")) {
    ImageSpan image{.grid = {.rows = grid.at(0), .cols = grid.at(1)}};
    for (size_t i = 0; i < image.key.size(); i += 8) image.key[i] = static_cast<uint8_t>(images.size() + 1);
    const auto count = static_cast<size_t>(image.num_tokens() * num_levels * hidden);
    CHECK(next + count <= fixture.feature_values.size(), "{}: image_features.f32 is too short", name);
    fixture.features.add(image.key, std::span(fixture.feature_values).subspan(next, count), num_levels, hidden);
    next += count;
    images.push_back(image);
  }
  CHECK(next == fixture.feature_values.size(), "{}: image_features.f32 is too long", name);

  next = 0;
  for (const auto& entry : root.at("prompts")) {
    ImagePrompt& prompt = fixture.prompts.emplace_back();
    prompt.ids = entry.at("ids").get<std::vector<TokenId>>();
    prompt.rows = entry.at("rows").get<std::vector<int32_t>>();
    prompt.greedy = entry.at("greedy").get<std::vector<TokenId>>();
    for (const auto& place : entry.at("images")) {
      ImageSpan& image = prompt.images.emplace_back(images.at(place.at(1).get<size_t>()));
      image.first = place.at(0);
      if (place.size() > 2) {
        image.time = place.at(2);
        image.continues_video = place.at(3);
      }
      for (int32_t i = 0; i < image.num_tokens(); ++i) {
        prompt.ids.at(static_cast<size_t>(image.first + i)) = placeholder_token(image.key, i);
      }
    }
    const size_t count = prompt.rows.size() * static_cast<size_t>(vocab);
    CHECK(next + count <= fixture.logits.size(), "{}: image_logits.f32 is too short", name);
    prompt.expected = std::span<const float>(fixture.logits).subspan(next, count);
    next += count;
  }
  CHECK(next == fixture.logits.size(), "{}: image_logits.f32 is too long", name);
  return fixture;
}

}  // namespace braid::testing
