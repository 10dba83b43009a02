#include "braid/multimodal/video_frames.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <vector>

#include "braid/multimodal/decode_image.h"
#include "braid/multimodal/image_header.h"
#include "braid/multimodal/image_processor.h"
#include "braid/multimodal/smart_resize.h"

namespace braid {
namespace {

// The most pixels that max_video_tokens leaves to a video, or to each of its frames.
int64_t capped_pixels(const VideoProcessorConfig& videos, const PatchShape& shape, int64_t num_frames) {
  const int64_t side = int64_t{shape.patch_size} * shape.merge_size;
  const int64_t cap = videos.max_video_tokens * side * side;
  const auto least = static_cast<int64_t>(static_cast<double>(videos.min_pixels) * 1.05);
  if (videos.bounds_whole_video) {
    return std::max(std::min(cap, videos.max_pixels / num_frames), least) * num_frames;
  }
  const auto total = static_cast<int64_t>(static_cast<double>(cap) * 0.9);
  return std::max(std::min(videos.max_pixels, total * shape.temporal_patch_size / num_frames), least);
}

// Frames narrower than a token are made as wide first, if the bounds are the whole video's.
ImageSize at_least_a_token(ImageSize frame, int32_t factor) {
  if (frame.width >= factor && frame.height >= factor) return frame;
  const double scale = std::max(static_cast<double>(factor) / frame.height, static_cast<double>(factor) / frame.width);
  return {.width = static_cast<int32_t>(frame.width * scale), .height = static_cast<int32_t>(frame.height * scale)};
}

}  // namespace

Result<PatchGrid> frame_grid(const VideoProcessorConfig& videos, const PatchShape& shape, ImageSize frame,
                             int64_t num_frames) {
  const int32_t factor = shape.patch_size * shape.merge_size;
  const int64_t in_patch = shape.temporal_patch_size;
  ResizeBounds bounds{.min_pixels = videos.min_pixels, .max_pixels = videos.max_pixels};
  if (videos.bounds_whole_video) {
    // transformers refuses fewer frames than a patch has; here they fill one.
    bounds.num_frames = std::max(num_frames, in_patch);
    const double num_patches = static_cast<double>(bounds.num_frames) / static_cast<double>(in_patch);
    bounds.num_counted = static_cast<int64_t>(std::nearbyint(num_patches)) * in_patch;  // halves go to the even number
    frame = at_least_a_token(frame, factor);
  }
  if (videos.caps_frames) {
    const int64_t num_sharing = videos.bounds_whole_video ? bounds.num_frames : num_frames;
    bounds.max_pixels = capped_pixels(videos, shape, num_sharing);
  }
  TRY_STATUS(check_ratio(frame));
  const ImageSize resized = smart_resize(frame, factor, bounds);
  return PatchGrid{.frames = 1, .rows = resized.height / shape.patch_size, .cols = resized.width / shape.patch_size};
}

Result<ImagePatches> materialize_frames(const ImageProcessorConfig& images, const FrameGroup& group,
                                        const ImageLimits& limits, CpuIsa isa) {
  constexpr int64_t kMaxPatches = int64_t{1} << 20;
  const PatchGrid grid{.frames = 1, .rows = group.rows, .cols = group.cols};
  const PatchShape& shape = images.shape;
  if (grid.rows < 1 || grid.cols < 1 || grid.count() > kMaxPatches || grid.rows % shape.merge_size != 0 ||
      grid.cols % shape.merge_size != 0 || std::ssize(group.frames) > shape.temporal_patch_size) {
    return fail("{} frames of {} x {} patches do not fit the model", group.frames.size(), grid.rows, grid.cols);
  }
  std::vector<RgbImage> frames;
  for (const std::string_view frame : group.frames) {
    auto decoded = decode_image(bytes_of_image(frame), limits);
    if (!decoded.ok()) return fail("frame {} of a pair: {}", frames.size(), decoded.error().message);
    frames.push_back(*std::move(decoded));
  }
  return cut_frames(images, frames, grid, isa);
}

}  // namespace braid
