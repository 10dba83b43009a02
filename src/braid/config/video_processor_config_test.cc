#include "braid/config/video_processor_config.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/support/multimodal/image_testdata.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

class VideoProcessorFiles : public ::testing::Test {
 protected:
  void write(const std::string& file, const std::string& text) const { std::ofstream(folder_.path() / file) << text; }

  Result<std::optional<VideoProcessorConfig>> load(bool of_whole_video = true) const {
    return load_video_processor(folder_.path().string(), images_, of_whole_video);
  }

  std::string error() const {
    const auto config = load();
    return config.ok() ? "no error" : config.error().message;
  }

  ImageProcessorConfig images_{.shape = {.patch_size = 16, .temporal_patch_size = 2, .merge_size = 2}};
  const testing::TemporaryFolder folder_;
};

TEST_F(VideoProcessorFiles, AbsentKeysHaveTheDefaultsOfTransformers) {
  EXPECT_EQ(load().value(), std::nullopt) << "no file";
  write("video_preprocessor_config.json", "{}");
  EXPECT_EQ(load().value(),
            (VideoProcessorConfig{
                .bounds_whole_video = true, .min_pixels = 131'072, .max_pixels = 786'432, .max_video_tokens = 768}));
  images_.shape.patch_size = 14;
  images_.normalisation = kClipNormalisation;
  EXPECT_EQ(load(false).value(),
            (VideoProcessorConfig{.min_pixels = 100'352, .max_pixels = 602'112, .max_video_tokens = 128'000}));
}

TEST_F(VideoProcessorFiles, KeysAreRead) {
  write("video_preprocessor_config.json", R"({"video_processor_type": "Qwen2VLVideoProcessor", "patch_size": 16,
      "size": {"shortest_edge": 1, "longest_edge": 2}, "min_pixels": 4096, "max_pixels": 8192,
      "cap_pixels_per_frame": true, "max_video_tokens": 77, "image_mean": 0.5, "image_std": 0.5})");
  EXPECT_EQ(load().value(), (VideoProcessorConfig{
                                .min_pixels = 4096, .max_pixels = 8192, .caps_frames = true, .max_video_tokens = 77}));
  write("video_preprocessor_config.json", R"({"video_processor_type": "Qwen3VLVideoProcessor", "min_pixels": 7,
      "size": {"shortest_edge": 4096, "longest_edge": 8192}})");
  const VideoProcessorConfig whole = **load(false);
  EXPECT_TRUE(whole.bounds_whole_video);
  EXPECT_EQ(whole.min_pixels, 4096) << "this class has no min_pixels";
}

TEST_F(VideoProcessorFiles, AreTakenInTheOrderOfTransformers) {
  const auto size = [](int longest) {
    return R"("size": {"shortest_edge": 1, "longest_edge": )" + std::to_string(longest) + "}";
  };
  write("preprocessor_config.json", R"({"image_processor_type": "Qwen2VLImageProcessor", "patch_size": 16,
      "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], )" +
                                        size(1000) + "}");
  EXPECT_EQ((*load())->max_pixels, 1000);
  write("video_preprocessor_config.json", "{" + size(2000) + "}");
  EXPECT_EQ((*load())->max_pixels, 2000);
  write("processor_config.json", R"({"image_processor": {}})");
  EXPECT_EQ((*load())->max_pixels, 2000) << "it says nothing of videos";
  write("processor_config.json", R"({"video_processor": {)" + size(3000) + "}}");
  EXPECT_EQ((*load())->max_pixels, 3000);
}

TEST_F(VideoProcessorFiles, WhatIsNotTheImagesIsNamed) {
  const std::pair<const char*, const char*> values[] = {
      {R"("video_processor_type": "Kimi")", R"("video_processor_type" is "Kimi", must be Qwen2VLVideoProcessor or)"},
      {R"("patch_size": 14)", R"("patch_size" is 14, must be 16, as config.json says)"},
      {R"("temporal_patch_size": 4)", R"("temporal_patch_size" is 4, must be 2)"},
      {R"("do_resize": false)", R"("do_resize" is false, must be true)"},
      {R"("image_mean": 0.4)", "video_preprocessor_config.json: frames are resized or normalised in another way than"},
      {R"("resample": 2)", "in another way than images"},
      {R"("size": {"shortest_edge": 9})", R"("longest_edge" is missing)"},
      {R"("max_video_tokens": 0)", R"("max_video_tokens" is 0)"},
      {R"("cap_pixels_per_frame": 1)", R"("cap_pixels_per_frame")"},
  };
  for (const auto& [value, message] : values) {
    write("video_preprocessor_config.json", std::string("{") + value + "}");
    EXPECT_TRUE(has_text(error(), message));
  }
}

}  // namespace
}  // namespace braid
