#include "braid/multimodal/video_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "braid/multimodal/decode_image.h"
#include "braid/multimodal/image_header.h"
#include "tests/support/multimodal/image_testdata.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

// What tools/make_video_fixtures.py wrote.
class VideoFrames : public ::testing::Test {
 protected:
  struct Processor {
    ImageProcessorConfig images;
    VideoProcessorConfig videos;
  };

  Processor processor(const std::string& name) const {
    const Json& written = cases_.at("processors").at(name);
    const testing::TemporaryFolder folder;
    std::ofstream(folder.path() / "video_preprocessor_config.json") << written.dump();
    ImageProcessorConfig images{
        .shape = {.patch_size = written.at("patch_size"), .temporal_patch_size = 2, .merge_size = 2}};
    if (name.starts_with("qwen2")) images.normalisation = kClipNormalisation;
    const auto videos = load_video_processor(folder.path().string(), images, false);
    EXPECT_TRUE(videos.ok()) << videos.error().message;
    return {.images = images, .videos = videos->value()};
  }

  static Json read_cases() {
    const std::vector<uint8_t> text = testdata_bytes("videos/cases.json");
    return *parse_json(std::string(text.begin(), text.end()));
  }

  static std::vector<std::string> frames_of(const Json& names) {
    std::vector<std::string> frames;
    for (const Json& name : names) {
      const auto bytes = testdata_bytes("images/" + name.get<std::string>());
      frames.emplace_back(bytes.begin(), bytes.end());
    }
    return frames;
  }

  const Json cases_ = read_cases();
};

TEST_F(VideoFrames, GridsFollowFromSizeAndNumberAlone) {
  size_t num_cases = 0;
  for (const auto& [name, sizes] : cases_.at("sizes").items()) {
    const Processor config = processor(name);
    for (const Json& size : sizes) {
      const ImageSize frame{.width = size[1], .height = size[2]};
      const auto grid = frame_grid(config.videos, config.images.shape, frame, size[0]);
      ASSERT_TRUE(grid.ok()) << grid.error().message;
      EXPECT_EQ(*grid, (PatchGrid{.frames = 1, .rows = size[3], .cols = size[4]})) << name << " " << size.dump();
      ++num_cases;
    }
  }
  EXPECT_GE(num_cases, 400U);
}

TEST_F(VideoFrames, PatchesAreThoseOfTransformers) {
  for (const Json& entry : cases_.at("patches")) {
    const Processor config = processor(entry.at("processor"));
    const auto frames = frames_of(entry.at("frames"));
    const auto name = entry.at("patches").get<std::string>();
    const auto rows = decode_image(testdata_bytes("videos/" + name), {});
    ASSERT_TRUE(rows.ok()) << rows.error().message;
    std::vector<uint8_t> expected;
    for (size_t i = 0; i < rows->pixels.size(); i += 3) expected.push_back(rows->pixels[i]);

    const std::span first(reinterpret_cast<const uint8_t*>(frames[0].data()), frames[0].size());
    const ImageSize size = image_size(first, {}).value();
    const auto grid = frame_grid(config.videos, config.images.shape, size, std::ssize(frames));
    ASSERT_TRUE(grid.ok());
    ASSERT_EQ(std::ssize(frames) + 1, 2 * entry.at("grid")[0].get<int64_t>() + (frames.size() % 2 == 0 ? 1 : 0));
    ASSERT_EQ(*grid, (PatchGrid{.frames = 1, .rows = entry.at("grid")[1], .cols = entry.at("grid")[2]})) << name;
    for (const CpuIsa isa : available_isas()) {
      std::vector<uint8_t> got;
      for (size_t at = 0; at < frames.size(); at += 2) {
        FrameGroup group{.rows = grid->rows, .cols = grid->cols};
        for (size_t i = at; i < std::min(at + 2, frames.size()); ++i) group.frames.emplace_back(frames[i]);
        const auto patches = materialize_frames(config.images, group, {}, isa);
        ASSERT_TRUE(patches.ok()) << patches.error().message;
        EXPECT_EQ(patches->patch_frames, std::ssize(group.frames));
        ASSERT_EQ(std::ssize(patches->pixels), patches->patch_frames * patches->frame_bytes());
        got.insert(got.end(), patches->pixels.begin(), patches->pixels.end());
        // The only frame of the last pair fills it.
        if (group.frames.size() == 1) got.insert(got.end(), patches->pixels.begin(), patches->pixels.end());
      }
      ASSERT_EQ(got.size(), expected.size()) << name;
      int64_t num_unequal = 0;
      for (size_t i = 0; i < got.size(); ++i) num_unequal += got[i] != expected[i] ? 1 : 0;
      EXPECT_EQ(num_unequal, 0) << name << " of " << got.size() << ", " << isa_name(isa);
    }
  }
}

TEST_F(VideoFrames, BadOnesAreErrors) {
  const Processor config = processor("qwen3_vl");
  const auto grid_error = [&](ImageSize size) {
    const auto grid = frame_grid(config.videos, config.images.shape, size, 4);
    return grid.ok() ? "no error" : grid.error().message;
  };
  EXPECT_TRUE(has_text(grid_error({.width = 9000, .height = 40}), "at most 200 times its shorter one"));
  EXPECT_TRUE(frame_grid(config.videos, config.images.shape, {.width = 64, .height = 64}, 1).ok()) << "one frame";

  const auto frames = frames_of(Json::array({"rgb_8.png", "grey_8.png", "rgb_16.png"}));
  FrameGroup group{.rows = 2, .cols = 4, .frames = {frames[0], "GIF89a"}};
  const auto error_of = [&](const FrameGroup& bad) {
    const auto patches = materialize_frames(config.images, bad, {}, CpuIsa::kPortable);
    return patches.ok() ? "no error" : patches.error().message;
  };
  EXPECT_TRUE(has_text(error_of(group), "frame 1 of a pair: "));
  group.frames[1] = frames[1];
  EXPECT_EQ(error_of(group), "no error");
  for (const auto& [rows, cols] : {std::pair{0, 4}, {2, -4}, {3, 4}, {2, 5}, {1 << 30, 1 << 30}}) {
    EXPECT_TRUE(has_text(error_of({.rows = rows, .cols = cols, .frames = group.frames}), "do not fit the model"));
  }
  group.frames.emplace_back(frames[2]);
  EXPECT_TRUE(has_text(error_of(group), "3 frames of 2 x 4 patches do not fit the model"));
}

}  // namespace
}  // namespace braid
