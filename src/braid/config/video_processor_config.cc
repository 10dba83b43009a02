#include "braid/config/video_processor_config.h"

#include <string_view>

#include "braid/config/processor_parts.h"

namespace braid {
namespace {

constexpr std::string_view kOfEachFrame = "Qwen2VLVideoProcessor";
constexpr std::string_view kOfWholeVideo = "Qwen3VLVideoProcessor";

// transformers' defaults.
struct VideoDefaults {
  int32_t patch_size;
  PixelBounds pixels;
  int64_t max_video_tokens;
};
constexpr VideoDefaults kDefaultsOfEachFrame = {14, {.min = 128 * 28 * 28, .max = 768 * 28 * 28}, 128'000};
constexpr VideoDefaults kDefaultsOfWholeVideo = {16, {.min = 128 * 32 * 32, .max = 768 * 32 * 32}, 768};

Result<bool> read_bounds_whole_video(const JsonObject& json, bool by_default) {
  TRY(const auto name, json.find_string("video_processor_type"));
  if (!name) return by_default;
  if (*name == kOfEachFrame || *name == kOfWholeVideo) return *name == kOfWholeVideo;
  return json.wrong_value("video_processor_type", fmt::format("{} or {}", kOfEachFrame, kOfWholeVideo));
}

// Frames go through the same tower by the same code as images do.
Status check_like_images(const JsonObject& json, const ImageProcessorConfig& images, bool bounds_whole_video) {
  TRY(const auto resizes, json.find_bool("do_resize"));
  if (!resizes.value_or(true)) return json.wrong_value("do_resize", "true");
  const int32_t patch_size = (bounds_whole_video ? kDefaultsOfWholeVideo : kDefaultsOfEachFrame).patch_size;
  TRY_STATUS(check_as_in_config(json, "patch_size", patch_size, images.shape.patch_size));
  TRY_STATUS(check_as_in_config(json, "temporal_patch_size", 2, images.shape.temporal_patch_size));
  TRY_STATUS(check_as_in_config(json, "merge_size", 2, images.shape.merge_size));
  ImageProcessorConfig own{.filter = ResizeFilter::kBicubic};
  if (!bounds_whole_video) own.normalisation = kClipNormalisation;
  TRY_STATUS(read_resize_filter(json, own.filter));
  TRY_STATUS(read_pixel_normalisation(json, own.normalisation));
  if (own.filter == images.filter && own.normalisation == images.normalisation) return {};
  return fail("{}: frames are resized or normalised in another way than images, which is not supported", json.name());
}

}  // namespace

Result<std::optional<VideoProcessorConfig>> load_video_processor(const std::string& directory,
                                                                 const ImageProcessorConfig& images,
                                                                 bool of_whole_video) {
  TRY(const auto found, find_processor_document(directory, "video_processor",
                                                {"video_preprocessor_config.json", "preprocessor_config.json"}));
  if (!found) return std::optional<VideoProcessorConfig>();
  TRY(const JsonObject json, JsonObject::of(found->json, found->name));
  VideoProcessorConfig config;
  TRY(config.bounds_whole_video, read_bounds_whole_video(json, of_whole_video));
  const VideoDefaults& defaults = config.bounds_whole_video ? kDefaultsOfWholeVideo : kDefaultsOfEachFrame;
  TRY_STATUS(check_like_images(json, images, config.bounds_whole_video));
  TRY_STATUS(
      read_pixel_bounds(json, !config.bounds_whole_video, defaults.pixels, config.min_pixels, config.max_pixels));
  TRY(const auto caps, json.find_bool("cap_pixels_per_frame"));
  TRY(const auto tokens, json.find_int("max_video_tokens", 1, int64_t{1} << 24));
  config.caps_frames = caps.value_or(false);
  config.max_video_tokens = tokens.value_or(defaults.max_video_tokens);
  return std::optional(config);
}

}  // namespace braid
