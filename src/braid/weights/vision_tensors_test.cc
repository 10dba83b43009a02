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

TEST(VisionTensors, PixelNormsComeFromTheProcessorsFile) {
  const ModelFixture fixture = testing::read_model_fixture("gemma3_vision");
  const auto norm_with = [&](const char* name, const char* text) {
    const TemporaryFolder folder;
    std::ofstream(folder.path() / name) << text;
    const auto checkpoint = testing::open_written(fixture, folder);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    return checkpoint->config().vision->pixel_norm;
  };
  EXPECT_EQ(norm_with("README.md", "").mean[1], 0.5F);
  EXPECT_EQ(norm_with("preprocessor_config.json", R"({"image_mean": [0.1, 0.2, 0.3]})").mean[1], 0.2F);
  EXPECT_EQ(norm_with("processor_config.json", R"({"image_processor": {"image_std": [0.1, 0.2, 0.3]}})").std[2], 0.3F);
}

}  // namespace
}  // namespace braid
