#include "braid/config/image_processor_config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/multimodal/image_testdata.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

constexpr PatchShape kQwenShape = {.patch_size = 16, .temporal_patch_size = 2, .merge_size = 2};
constexpr PatchShape kGemmaShape = {.patch_size = 14, .merge_size = 4, .image_size = 896};

std::string qwen_text(const std::string& more) {
  return R"({"image_processor_type": "Qwen2VLImageProcessorFast", "patch_size": 16)" + more + "}";
}

std::string gemma_text(const std::string& more) {
  return R"({"image_processor_type": "Gemma3ImageProcessor")" + more + "}";
}

Result<ImageProcessorConfig> config_of(const std::string& text, const PatchShape& shape) {
  return read_image_processor(*parse_json(text), shape);
}

std::string config_error(const std::string& text, const PatchShape& shape) {
  const auto config = config_of(text, shape);
  return config.ok() ? "no error" : config.error().message;
}

TEST(ImageProcessorConfig, AbsentKeysHaveTheDefaultsOfTransformers) {
  const auto qwen = config_of(qwen_text(""), kQwenShape);
  ASSERT_TRUE(qwen.ok()) << qwen.error().message;
  EXPECT_EQ(qwen->kind, ImageProcessorKind::kQwen2Vl);
  EXPECT_EQ(qwen->filter, ResizeFilter::kBicubic);
  EXPECT_EQ(qwen->min_pixels, 3136);
  EXPECT_EQ(qwen->max_pixels, 1'003'520);
  EXPECT_EQ(qwen->normalisation, kClipNormalisation);

  const auto gemma = config_of(gemma_text(""), {.patch_size = 14, .merge_size = 4, .image_size = 224});
  ASSERT_TRUE(gemma.ok()) << gemma.error().message;
  EXPECT_EQ(gemma->kind, ImageProcessorKind::kGemma3);
  EXPECT_EQ(gemma->filter, ResizeFilter::kBilinear);
  EXPECT_EQ(gemma->normalisation, PixelNormalisation{});
}

TEST(ImageProcessorConfig, KeysAreRead) {
  const auto config = config_of(qwen_text(R"(, "size": {"shortest_edge": 4096, "longest_edge": 8192}, "resample": 2,
      "do_rescale": false, "rescale_factor": 0.5, "do_normalize": false, "image_mean": 0.25, "image_std": [1, 2, 3])"),
                                kQwenShape);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->min_pixels, 4096);
  EXPECT_EQ(config->max_pixels, 8192);
  EXPECT_EQ(config->filter, ResizeFilter::kBilinear);
  EXPECT_EQ(config->normalisation, (PixelNormalisation{.rescales = false,
                                                       .rescale_factor = 0.5,
                                                       .normalises = false,
                                                       .mean = {0.25, 0.25, 0.25},
                                                       .stddev = {1, 2, 3}}));
}

TEST(ImageProcessorConfig, TheOlderSpellingOfTheSizeGoesBefore) {
  const auto config = config_of(qwen_text(R"(, "size": {"shortest_edge": 1, "longest_edge": 2}, "min_pixels": 3136,
      "max_pixels": 6272)"),
                                kQwenShape);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->min_pixels, 3136);
  EXPECT_EQ(config->max_pixels, 6272);
}

TEST(ImageProcessorConfig, BadValuesNameTheirKey) {
  EXPECT_TRUE(has_text(config_error("{}", kQwenShape), "\"image_processor_type\" is missing"));
  EXPECT_TRUE(has_text(config_error(R"({"image_processor_type": "ViTImageProcessor"})", kQwenShape),
                       "\"image_processor_type\" is \"ViTImageProcessor\", must be Qwen2VLImageProcessor or"));
  EXPECT_EQ(config_error(R"({"image_processor_type": "Qwen2VLImageProcessor"})", kQwenShape),
            "preprocessor_config.json: \"patch_size\" is missing, which means 14; config.json says 16");
  EXPECT_EQ(config_error(qwen_text(R"(, "merge_size": 4)"), kQwenShape),
            "preprocessor_config.json: \"merge_size\" is 4, must be 2, as config.json says");
  EXPECT_EQ(config_error(qwen_text(R"(, "temporal_patch_size": 1)"), kQwenShape),
            "preprocessor_config.json: \"temporal_patch_size\" is 1, must be 2, as config.json says");
  const std::pair<const char*, const char*> values[] = {
      {R"("min_pixels": 0)", "\"min_pixels\" is 0"},
      {R"("min_pixels": 9000, "max_pixels": 8000)", "\"max_pixels\" is 8000"},
      {R"("max_pixels": 100000000)", "\"max_pixels\" is 100000000"},
      {R"("size": {"shortest_edge": 9})", "\"longest_edge\" is missing"},
      {R"("size": {"height": 9, "width": 9})", "\"shortest_edge\" is missing"},
      {R"("size": 224)", "\"size\" is 224, must be an object"},
      {R"("resample": 1)", "\"resample\" is 1, must be 2 (bilinear) or 3 (bicubic)"},
      {R"("rescale_factor": 0)", "\"rescale_factor\" is 0"},
      {R"("do_rescale": "yes")", "\"do_rescale\" is \"yes\""},
      {R"("do_resize": false)", "\"do_resize\" is false, must be true"},
      {R"("image_mean": [1, 2])", "\"image_mean\" is [1,2]"},
      {R"("image_mean": [1, 2, "3"])", "\"image_mean\""},
      {R"("image_std": [1, 2, 0])", "\"image_std\" is [1,2,0]"},
      {R"("image_std": -1)", "\"image_std\" is -1"},
  };
  for (const auto& [value, error] : values) {
    EXPECT_TRUE(has_text(config_error(qwen_text(std::string(", ") + value), kQwenShape), error));
  }
  EXPECT_EQ(config_error(gemma_text(R"(, "size": {"height": 896, "width": 448})"), kGemmaShape),
            "preprocessor_config.json: \"size\" has \"width\" 448, must be 896, the image_size of config.json");
  EXPECT_TRUE(has_text(
      config_error(gemma_text(R"(, "size": {"height": 896, "width": 896}, "do_pan_and_scan": true)"), kGemmaShape),
      "\"do_pan_and_scan\" is true, must be false"));
  EXPECT_TRUE(has_text(config_error(gemma_text(""), {.patch_size = 14, .merge_size = 4, .image_size = 100}),
                       "config.json: image_size is 100, must be a multiple of 56"));
}

TEST(ImageProcessorConfig, TheNestedProcessorGoesBeforeTheFileOfItsOwn) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path().string();
  const auto write = [&](const char* file, const std::string& text) { std::ofstream(folder.path() / file) << text; };
  const auto max_pixels = [&]() -> int64_t {
    const auto config = load_image_processor(path, kQwenShape);
    EXPECT_TRUE(config.ok()) << config.error().message;
    return config.ok() && *config ? (*config)->max_pixels : 0;
  };
  const auto nothing = load_image_processor(path, kQwenShape);
  ASSERT_TRUE(nothing.ok());
  EXPECT_FALSE(nothing->has_value());

  write("preprocessor_config.json", qwen_text(R"(, "max_pixels": 4000)"));
  EXPECT_EQ(max_pixels(), 4000);
  write("processor_config.json", R"({"processor_class": "Qwen3VLProcessor"})");
  EXPECT_EQ(max_pixels(), 4000);
  write("processor_config.json", R"({"image_processor": )" + qwen_text(R"(, "max_pixels": 5000)") + "}");
  EXPECT_EQ(max_pixels(), 5000);

  write("processor_config.json", R"({"image_processor": )" + qwen_text(R"(, "resample": 7)") + "}");
  const auto bad = load_image_processor(path, kQwenShape);
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().message,
            "processor_config.json: image_processor: \"resample\" is 7, must be 2 (bilinear) or 3 (bicubic)");
  write("processor_config.json", "{");
  EXPECT_FALSE(load_image_processor(path, kQwenShape).ok());
}

}  // namespace
}  // namespace braid
