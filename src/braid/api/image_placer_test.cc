// Videos in prompts, held to transformers: token ids by its processors, positions by get_rope_index.
#include "braid/api/image_placer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "braid/formats/json.h"
#include "braid/model/grid_positions.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

std::string placer_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

RequestVideo video_of(const Json& names, double fps) {
  RequestVideo video{.frames = {}, .fps = fps};
  for (const Json& name : names) {
    video.frames.push_back(std::make_shared<const std::string>(
        placer_file("src/braid/multimodal/testdata/images/" + name.get<std::string>())));
  }
  return video;
}

class ImagePlacerVideos : public ::testing::Test {
 protected:
  // A model of the kind of tests/fixtures/models/vl_demo with another processor.
  ModelConfig model(const std::string& processor) const {
    const Json& written = cases_.at("processors").at(processor);
    const bool has_times = processor.starts_with("qwen2_5");
    ModelConfig config;
    config.vision = VisionConfig{.kind = has_times ? VisionKind::kQwen25Vl : VisionKind::kQwen3Vl,
                                 .patch_size = written.at("patch_size"),
                                 .temporal_patch_size = 2,
                                 .merge_size = 2,
                                 .tokens_per_second = has_times ? cases_.at("tokens_per_second").get<double>() : 0,
                                 .image_token = 510,
                                 .start_token = 508,
                                 .end_token = 509,
                                 .video_token = 511};
    config.image_processor = ImageProcessorConfig{
        .shape = {.patch_size = config.vision->patch_size, .temporal_patch_size = 2, .merge_size = 2},
        .min_pixels = 1,
        .max_pixels = 10'000'000,
        .normalisation = has_times ? kClipNormalisation : PixelNormalisation{}};
    const testing::TemporaryFolder folder;
    std::ofstream(folder.path() / "video_preprocessor_config.json") << written.dump();
    config.video_processor = load_video_processor(folder.path().string(), *config.image_processor, !has_times).value();
    return config;
  }

  std::string refusal(GenerationRequest request) const {
    const Status placed = ImagePlacer(model("qwen3_vl_tiny"), *tokenizer_).place(request);
    return placed.ok() ? "no error" : placed.error().message;
  }

  const Json cases_ = *parse_json(placer_file("src/braid/api/testdata/video_prompts.json"));
  const std::unique_ptr<Tokenizer> tokenizer_ =
      make_tokenizer_from_json(placer_file("tests/fixtures/models/vl_demo/tokenizer.json")).value();
};

TEST_F(ImagePlacerVideos, HaveTheTokensAndPositionsOfTransformers) {
  size_t num_videos = 0;
  for (const Json& expected : cases_.at("prompts")) {
    const ImagePlacer placer(model(expected.at("processor")), *tokenizer_);
    GenerationRequest request{.prompt = expected.at("given").get<std::vector<TokenId>>()};
    for (const Json& video : expected.at("videos")) {
      request.videos.push_back(video_of(video.at("frames"), video.at("fps")));
      ++num_videos;
    }
    const Status placed = placer.place(request);
    ASSERT_TRUE(placed.ok()) << placed.error().message;
    EXPECT_TRUE(request.videos.empty());
    EXPECT_EQ(placer.plain(request), expected.at("ids").get<std::vector<TokenId>>());
    const auto& prompt = std::get<std::vector<TokenId>>(request.prompt);
    EXPECT_TRUE(check_placeholders(prompt, request.images).ok());

    std::vector<ImageSpan> spans;
    for (const RequestImage& image : request.images) spans.push_back(image.span);
    GridPositions positions;
    append_grid_positions(spans, {.begin = 0, .end = std::ssize(prompt)}, positions);
    EXPECT_EQ(positions.times, expected.at("positions")[0].get<std::vector<int32_t>>());
    EXPECT_EQ(positions.rows, expected.at("positions")[1].get<std::vector<int32_t>>());
    EXPECT_EQ(positions.cols, expected.at("positions")[2].get<std::vector<int32_t>>());
  }
  EXPECT_EQ(num_videos, 6U);
}

// Frames with other places in time are other tokens to the prefix cache: their keys were computed elsewhere.
TEST_F(ImagePlacerVideos, PlaceholdersDifferWhereTimesInPositionsDo) {
  const ImagePlacer placer(model("qwen2_5_vl"), *tokenizer_);
  const auto prompt_at = [&](double fps) {
    GenerationRequest request{.prompt = std::vector<TokenId>{1, 511, 2}};
    request.videos = {video_of(Json::array({"ycbcr_444.jpg", "ycbcr_420.jpg", "progressive.jpg"}), fps)};
    EXPECT_TRUE(placer.place(request).ok());
    return std::get<std::vector<TokenId>>(request.prompt);
  };
  const std::vector<TokenId> at_2 = prompt_at(2);
  const std::vector<TokenId> at_1 = prompt_at(1);
  EXPECT_EQ(prompt_at(2), at_2);
  ASSERT_EQ(at_1.size(), at_2.size());
  EXPECT_TRUE(std::equal(at_1.begin(), at_1.begin() + 7, at_2.begin())) << "the first pair is at time 0 in both";
  EXPECT_NE(at_1, at_2);
}

TEST_F(ImagePlacerVideos, ImagesAndVideosTakeTheirOwnTokens) {
  const ImagePlacer placer(model("qwen3_vl_tiny"), *tokenizer_);
  GenerationRequest request{.prompt = std::vector<TokenId>{510, 1, 511, 2, 510}};
  const RequestVideo images = video_of(Json::array({"rgb_8.png", "ycbcr_444.jpg"}), 1);
  for (const auto& bytes : images.frames) request.images.push_back({.bytes = bytes});
  request.videos = {video_of(Json::array({"grey_8.png"}), 1)};
  ASSERT_TRUE(placer.place(request).ok());
  ASSERT_EQ(request.images.size(), 3U);
  EXPECT_EQ(request.images[0].bytes, images.frames[0]);
  EXPECT_EQ(request.images[2].bytes, images.frames[1]);
  const std::vector<TokenId> plain = placer.plain(request);
  EXPECT_EQ(plain.front(), 510);
  EXPECT_EQ(plain[static_cast<size_t>(request.images[1].span.first)], 511);
  EXPECT_EQ(plain.back(), 510);
}

TEST_F(ImagePlacerVideos, BadOnesAreNamed) {
  const RequestVideo good = video_of(Json::array({"rgb_8.png", "grey_8.png"}), 2);
  const auto refused = [&](const RequestVideo& video) {
    return refusal({.prompt = std::vector<TokenId>{511}, .videos = {video}});
  };
  EXPECT_EQ(refused(good), "no error");
  EXPECT_EQ(refused({}), "video 0: it has no frames");
  EXPECT_EQ(refused({.frames = {nullptr}}), "video 0: frame 0 has no bytes");
  EXPECT_EQ(refused(video_of(Json::array({"rgb_8.png", "ycbcr_444.jpg"}), 2)),
            "video 0: frame 1 has 45 x 35 pixels, the first 31 x 23: all must have one size");
  EXPECT_EQ(refused({.frames = good.frames, .fps = 0}), "video 0: fps is 0: must be from 0.001 to 1000");
  RequestVideo damaged = good;
  damaged.frames[1] = std::make_shared<const std::string>("GIF89a");
  EXPECT_TRUE(refused(damaged).starts_with("video 0: frame 1: ")) << refused(damaged);
  EXPECT_EQ(refused({.frames = std::vector(257, good.frames[0])}),
            "the request has 0 images and 257 frames of videos: at most 256 together");
  EXPECT_TRUE(refusal({.prompt = std::vector<TokenId>{1}, .videos = {good}}).starts_with("the prompt has 0 times the "))
      << "no place";
  EXPECT_EQ(refusal({.prompt = std::vector<TokenId>{511, 511}, .videos = {good}}),
            "the prompt has 2 times the token 511 (\"<|video_pad|>\"), and the request 1 videos");

  ModelConfig without = model("qwen3_vl_tiny");
  without.video_processor.reset();
  GenerationRequest request{.prompt = std::vector<TokenId>{511}, .videos = {good}};
  const ImagePlacer placer(without, *tokenizer_);
  EXPECT_FALSE(placer.takes_videos());
  EXPECT_EQ(placer.place(request).error().message, "the request has videos, and the model takes none");
}

}  // namespace
}  // namespace braid
