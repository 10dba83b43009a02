// A fixture of tests/fixtures/vision: the features that a vision tower must compute of images of random bytes, and its
// checkpoint, written to disk so that tests load it like a user's.
#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "braid/config/vision_config.h"
#include "braid/hub/model_path.h"
#include "braid/model/vision/vision_tower.h"
#include "braid/request/image_patches.h"
#include "braid/weights/checkpoint.h"
#include "tests/support/model_fixture.h"
#include "tests/support/seeded_weights.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {

struct VisionFixtureImage {
  PatchGrid grid;
  int32_t patch_frames = 1;
  int64_t tokens = 0;
  // Of transformers' own bfloat16, for each level: the root of the mean square of the differences, relative to that of
  // the features.
  std::vector<double> bfloat16_differences;
  std::vector<std::vector<float>> levels;  // the embeddings, then deepstack: [tokens, hidden of the text]
};

inline std::vector<std::string> vision_fixture_names() {
  return {"gemma3",    "gemma3_4_heads",    "gemma3_new_names",
          "qwen25_vl", "qwen25_vl_4_heads", "qwen25_vl_small_windows",
          "qwen3_vl",  "qwen3_vl_4_heads",  "qwen3_vl_moe"};
}

class VisionFixture {
 public:
  explicit VisionFixture(const std::string& name) {
    checkpoint_.name = name;
    checkpoint_.folder = std::filesystem::path("tests/fixtures/vision") / name;
    std::ifstream in(checkpoint_.folder / "fixture.json");
    CHECK(in.good(), "no fixture.json in {}", checkpoint_.folder.string());
    const auto root = nlohmann::json::parse(in);
    checkpoint_.seed = root.at("seed");
    const std::string stored = root.at("stored");
    const DType dtype = stored == "F32" ? DType::kFloat32 : stored == "F16" ? DType::kFloat16 : DType::kBFloat16;
    for (const auto& tensor : root.at("tensors")) {
      checkpoint_.tensors.push_back({.name = tensor.at("name"),
                                     .shape = tensor.at("shape").get<std::vector<int64_t>>(),
                                     .dtype = dtype,
                                     .scale = tensor.at("scale"),
                                     .offset = tensor.at("offset"),
                                     .seeded_as = tensor.at("name")});
    }
    read_images(root);
  }

  const std::vector<VisionFixtureImage>& images() const { return images_; }
  const ModelFixture& checkpoint() const { return checkpoint_; }
  ModelFixture& checkpoint() { return checkpoint_; }

  // Writes the checkpoint into `folder` and opens it.
  Result<Checkpoint> open(const TemporaryFolder& folder) const {
    write_checkpoint(checkpoint_, folder.path());
    const auto processor = checkpoint_.folder / "preprocessor_config.json";
    if (std::filesystem::exists(processor)) {
      std::filesystem::copy_file(processor, folder.path() / "preprocessor_config.json",
                                 std::filesystem::copy_options::overwrite_existing);
    }
    TRY(const auto model, resolve_model_path(folder.path().string(), {}));
    return Checkpoint::open(model);
  }

  // The bytes of image `index`.
  ImagePatches patches(size_t index, const VisionConfig& config) const {
    ImagePatches image{.grid = images_[index].grid,
                       .patch_size = config.patch_size,
                       .patch_frames = images_[index].patch_frames,
                       .pixels = {}};
    const int64_t count = image.patch_frames * image.frame_bytes();
    const uint64_t key = seeded_key(checkpoint_.seed, "image." + std::to_string(index));
    for (const std::byte byte : seeded_bytes_within(key, count, 0, 255)) {
      image.pixels.push_back(static_cast<uint8_t>(byte));
    }
    return image;
  }

 private:
  void read_images(const nlohmann::json& root) {
    std::ifstream in(checkpoint_.folder / "features.f32", std::ios::binary);
    const size_t num_levels = root.at("levels");
    std::ifstream config_file(checkpoint_.folder / "config.json");
    const size_t hidden = nlohmann::json::parse(config_file).at("text_config").at("hidden_size");
    for (const auto& one : root.at("images")) {
      const auto& grid = one.at("grid");
      VisionFixtureImage& image = images_.emplace_back();
      image.grid = {.frames = grid.at(0), .rows = grid.at(1), .cols = grid.at(2)};
      image.patch_frames = one.value("patch_frames", 1);
      image.tokens = one.at("tokens");
      image.bfloat16_differences = one.at("bfloat16_differences").get<std::vector<double>>();
      for (size_t level = 0; level < num_levels; ++level) {
        std::vector<float>& values = image.levels.emplace_back(static_cast<size_t>(image.tokens) * hidden);
        in.read(reinterpret_cast<char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
      }
    }
    CHECK(in.good() && in.peek() == std::ifstream::traits_type::eof(), "features.f32 of {} has another size",
          checkpoint_.name);
  }

  ModelFixture checkpoint_;
  std::vector<VisionFixtureImage> images_;
};

// The embeddings, then deepstack.
inline std::vector<std::vector<float>> levels_of(const ImageFeatures& features) {
  std::vector<std::vector<float>> levels;
  const auto add = [&](const RowsBuffer& buffer) {
    const float* values = buffer.first(0).row<float>(0);
    levels.emplace_back(values, values + buffer.bytes() / 4);
  };
  add(features.embeddings);
  for (const RowsBuffer& layer : features.deepstack) add(layer);
  return levels;
}

}  // namespace braid::testing
