#include "braid/multimodal/image_processor.h"

#include <gtest/gtest.h>

#include <string>

#include "braid/multimodal/decode_image.h"
#include "braid/multimodal/image_header.h"
#include "tests/support/multimodal/image_testdata.h"

namespace braid {
namespace {

ImageProcessorConfig test_processor(const Json& cases, const std::string& name) {
  const Json& shape = cases.at("shapes").at(name);
  const PatchShape tower{
      .patch_size = shape[0], .temporal_patch_size = shape[1], .merge_size = shape[2], .image_size = shape[3]};
  const auto config = load_image_processor(kImageTestdata + std::string("processors/") + name, tower);
  EXPECT_TRUE(config.ok()) << config.error().message;
  return config->value();
}

// One row of the file is one patch; grey, so that the three channels of a pixel are equal.
std::vector<uint8_t> expected_patches(const std::string& name) {
  const auto rows = decode_image(testdata_bytes("patches/" + name), {});
  EXPECT_TRUE(rows.ok()) << rows.error().message;
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < rows->pixels.size(); i += 3) bytes.push_back(rows->pixels[i]);
  return bytes;
}

TEST(ImageProcessor, PatchesAreThoseOfTransformers) {
  const Json cases = image_cases();
  size_t num_cases = 0;
  for (const Json& entry : cases.at("patches")) {
    const auto name = entry.at("patches").get<std::string>();
    const ImageProcessorConfig config = test_processor(cases, entry.at("processor"));
    const std::vector<uint8_t> bytes = testdata_bytes("images/" + entry.at("image").get<std::string>());
    const std::vector<uint8_t> expected = expected_patches(name);
    for (const CpuIsa isa : available_isas()) {
      const auto patches = materialize_image(config, bytes, {}, isa);
      ASSERT_TRUE(patches.ok()) << name << ": " << patches.error().message;
      const Json& grid = entry.at("grid");
      ASSERT_EQ(patches->grid, (PatchGrid{.frames = grid[0], .rows = grid[1], .cols = grid[2]})) << name;
      EXPECT_EQ(patches->patch_size, config.shape.patch_size);
      ASSERT_EQ(patches->pixels.size(), expected.size()) << name;
      size_t num_unequal = 0;
      for (size_t i = 0; i < expected.size(); ++i) num_unequal += patches->pixels[i] != expected[i] ? 1 : 0;
      EXPECT_EQ(num_unequal, 0U) << name << " of " << expected.size() << ", " << isa_name(isa);
    }
    ++num_cases;
  }
  EXPECT_GE(num_cases, 15U);
}

TEST(ImageProcessor, GridsFollowFromTheSizeAlone) {
  const Json cases = image_cases();
  size_t num_cases = 0;
  for (const auto& [name, sizes] : cases.at("sizes").items()) {
    const ImageProcessorConfig config = test_processor(cases, name);
    for (const Json& size : sizes) {
      const auto grid = patch_grid(config, {.width = size[0], .height = size[1]});
      ASSERT_TRUE(grid.ok()) << grid.error().message;
      EXPECT_EQ(*grid, (PatchGrid{.frames = 1, .rows = size[2], .cols = size[3]})) << name << " " << size.dump();
      ++num_cases;
    }
  }
  EXPECT_GE(num_cases, 900U);
}

TEST(ImageProcessor, LongNarrowImagesAreRefused) {
  const ImageProcessorConfig config = test_processor(image_cases(), "qwen3_vl");
  EXPECT_TRUE(patch_grid(config, {.width = 200, .height = 1}).ok());
  const auto grid = patch_grid(config, {.width = 201, .height = 1});
  ASSERT_FALSE(grid.ok());
  EXPECT_EQ(grid.error().message,
            "the image has 201 x 1 pixels, its longer side may be at most 200 times its shorter one");
  const RgbImage image{.size = {.width = 1, .height = 201}, .pixels = std::vector<uint8_t>(603)};
  EXPECT_FALSE(process_image(config, image, CpuIsa::kPortable).ok());
}

TEST(ImageProcessor, ErrorsOfTheDecoderAreReturned) {
  const ImageProcessorConfig config = test_processor(image_cases(), "qwen3_vl");
  const std::vector<uint8_t> gif = {'G', 'I', 'F', '8', '9', 'a'};
  const auto patches = materialize_image(config, gif, {}, CpuIsa::kPortable);
  ASSERT_FALSE(patches.ok());
  EXPECT_TRUE(has_text(patches.error().message, "GIF"));
}

}  // namespace
}  // namespace braid
