#include "braid/weights/vision_tensors.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/weights/written_checkpoint.h"

namespace braid {
namespace {

using testing::ModelFixture;
using testing::TemporaryFolder;

TEST(VisionTensors, EachHasOneNameWhateverSavedIt) {
  EXPECT_EQ(vision_tensor_name("model.visual.blocks.0.attn.qkv.weight"), "visual.blocks.0.attn.qkv.weight");
  EXPECT_EQ(vision_tensor_name("visual.blocks.0.attn.qkv.weight"), "visual.blocks.0.attn.qkv.weight");
  for (const char* const stored : {"vision_tower.vision_model.encoder.layers.3.mlp.fc1.bias",
                                   "model.vision_tower.vision_model.encoder.layers.3.mlp.fc1.bias",
                                   "vision_tower.encoder.layers.3.mlp.fc1.bias"}) {
    EXPECT_EQ(vision_tensor_name(stored), "vision_tower.encoder.layers.3.mlp.fc1.bias");
  }
  EXPECT_EQ(vision_tensor_name("model.multi_modal_projector.mm_soft_emb_norm.weight"),
            "multi_modal_projector.mm_soft_emb_norm.weight");
}

TEST(VisionTensors, KernelsAndTheProjectionAreReadAsMatrices) {
  const ModelFixture fixture = testing::read_model_fixture("gemma3_vision");
  const TemporaryFolder folder;
  const auto checkpoint = testing::open_written(fixture, folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const auto values_of = [&](const StoredTensor& tensor) {
    std::vector<float> values(static_cast<size_t>(tensor.num_elements()));
    EXPECT_TRUE(tensor.read_rows(0, make_rows(values.data(), tensor.rows(), tensor.cols())).ok());
    return values;
  };
  int found = 0;
  for (const testing::FixtureTensor& stored : fixture.tensors) {
    const std::vector<float> expected = testing::expected_values(fixture, stored);
    if (stored.name.ends_with("patch_embedding.weight")) {
      const StoredTensor* const kernel = checkpoint->find("vision_tower.embeddings.patch_embedding.weight");
      ASSERT_NE(kernel, nullptr);
      EXPECT_EQ(kernel->shape, (std::vector<int64_t>{16, 588}));
      EXPECT_EQ(values_of(*kernel), expected);
      ++found;
    } else if (stored.name.ends_with("mm_input_projection_weight")) {
      const StoredTensor* const projection = checkpoint->find("multi_modal_projector.mm_input_projection_weight");
      ASSERT_NE(projection, nullptr);
      EXPECT_EQ(projection->shape, (std::vector<int64_t>{64, 16}));
      const std::vector<float> turned = values_of(*projection);
      for (size_t in = 0; in < 16; ++in) {
        for (size_t out = 0; out < 64; ++out) ASSERT_EQ(turned[out * 16 + in], expected[in * 64 + out]);
      }
      ++found;
    }
  }
  EXPECT_EQ(found, 2);
}

TEST(VisionTensors, TheProcessorsFileSaysHowPixelsAreNormalised) {
  const ModelFixture fixture = testing::read_model_fixture("gemma3_vision");
  const TemporaryFolder folder;
  const auto opened = [&]() -> ModelConfig {
    const auto checkpoint = testing::open_written(fixture, folder);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    return checkpoint.ok() ? checkpoint->config() : ModelConfig{};
  };
  const ModelConfig without = opened();
  ASSERT_TRUE(without.vision.has_value());
  EXPECT_FALSE(without.image_processor.has_value());
  EXPECT_EQ(without.vision->normalisation, PixelNormalisation{});

  const int32_t side = without.vision->image_size;
  std::ofstream(folder.path() / "preprocessor_config.json") << fmt::format(
      R"({{"image_processor_type": "Gemma3ImageProcessor", "size": {{"height": {0}, "width": {0}}},
          "image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}})",
      side);
  const ModelConfig with = opened();
  ASSERT_TRUE(with.vision && with.image_processor);
  EXPECT_EQ(with.vision->normalisation.mean, (std::array<double, 3>{0.1, 0.2, 0.3}));
  EXPECT_EQ(with.vision->normalisation, with.image_processor->normalisation);

  // Of both files the one that transformers takes.
  std::ofstream(folder.path() / "processor_config.json") << fmt::format(
      R"({{"image_processor": {{"image_processor_type": "Gemma3ImageProcessor",
          "size": {{"height": {0}, "width": {0}}}, "image_std": [0.7, 0.8, 0.9]}}}})",
      side);
  const ModelConfig both = opened();
  EXPECT_EQ(both.vision->normalisation.mean[0], 0.5);
  EXPECT_EQ(both.vision->normalisation.stddev[2], 0.9);
}

}  // namespace
}  // namespace braid
