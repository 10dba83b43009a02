#include "braid/api/image_placer.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "braid/multimodal/image_header.h"
#include "braid/multimodal/image_key.h"
#include "braid/multimodal/image_processor.h"
#include "braid/multimodal/video_frames.h"
#include "braid/request/frame_group.h"

namespace braid {
namespace {

std::string text_of(const Tokenizer& tokenizer, TokenId token) {
  return tokenizer.decode(std::span(&token, 1), false);
}

// That of all frames.
Result<ImageSize> frame_size(const RequestVideo& video) {
  ImageSize first;
  for (size_t i = 0; i < video.frames.size(); ++i) {
    if (video.frames[i] == nullptr || video.frames[i]->empty()) return fail("frame {} has no bytes", i);
    const auto size = image_size(bytes_of_image(*video.frames[i]), ImageLimits());
    if (!size.ok()) return fail("frame {}: {}", i, size.error().message);
    if (i == 0) first = *size;
    if (size->width != first.width || size->height != first.height) {
      return fail("frame {} has {} x {} pixels, the first {} x {}: all must have one size", i, size->width,
                  size->height, first.width, first.height);
    }
  }
  return first;
}

// A group's frames, and its time in the positions of a model that has it there.
FrameGroup group_of(const RequestVideo& video, const VisionConfig& vision, const PatchGrid& grid, size_t index) {
  FrameGroup group{.rows = grid.rows, .cols = grid.cols};
  const auto in_patch = static_cast<size_t>(vision.temporal_patch_size);
  const size_t end = std::min((index + 1) * in_patch, video.frames.size());
  for (size_t i = index * in_patch; i < end; ++i) group.frames.emplace_back(*video.frames[i]);
  if (vision.tokens_per_second > 0) {
    // In float32, as transformers has it.
    const auto seconds = static_cast<float>(vision.temporal_patch_size / video.fps);
    const float step = static_cast<float>(vision.tokens_per_second) * seconds;
    group.time = static_cast<int32_t>(static_cast<float>(index) * step);
    group.continues_video = index > 0;
  }
  return group;
}

// In the text before a group's frames: the mean of the times of the first and the last one.
std::string time_stamp(const RequestVideo& video, const VisionConfig& vision, size_t index) {
  const auto in_patch = static_cast<size_t>(vision.temporal_patch_size);
  const auto seconds = [&](size_t frame) {
    return static_cast<double>(std::min(frame, video.frames.size() - 1)) / video.fps;
  };
  return fmt::format("<{:.1f} seconds>", (seconds(index * in_patch) + seconds((index + 1) * in_patch - 1)) / 2);
}

}  // namespace

std::string ImagePlacer::spell(std::string text) const {
  if (vision_.kind != VisionKind::kSiglip) return text;
  const std::string start = text_of(tokenizer_, vision_.start_token);
  const std::string whole =
      "\n\n" + start + text_of(tokenizer_, vision_.image_token) + text_of(tokenizer_, vision_.end_token) + "\n\n";
  for (size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + whole.size())) {
    text.replace(at, start.size(), whole);
  }
  return text;
}

std::vector<TokenId> ImagePlacer::plain(const GenerationRequest& request) const {
  std::vector<TokenId> tokens = std::get<std::vector<TokenId>>(request.prompt);
  for (const RequestImage& image : request.images) {
    const TokenId token = are_packed_frames(*image.bytes) ? *vision_.video_token : vision_.image_token;
    std::fill_n(tokens.begin() + image.span.first, image.span.num_tokens(), token);
  }
  return tokens;
}

void ImagePlacer::Layout::add(RequestImage image) {
  image.span.first = static_cast<int32_t>(prompt.size());
  for (int32_t i = 0; i < image.span.num_tokens(); ++i) prompt.push_back(placeholder_token(image.span.key, i));
  images.push_back(std::move(image));
}

Result<RequestImage> ImagePlacer::placed(RequestImage image) const {
  if (image.bytes == nullptr || image.bytes->empty()) return fail("it has no bytes");
  TRY(const ImageSize size, image_size(bytes_of_image(*image.bytes), ImageLimits()));
  TRY(const PatchGrid grid, patch_grid(processor_, size));
  TRY_STATUS(check_grid(vision_, grid));
  image.span = {.key = image_key(bytes_of_image(*image.bytes), processor_),
                .grid = {.frames = grid.frames,
                         .rows = grid.rows / processor_.shape.merge_size,
                         .cols = grid.cols / processor_.shape.merge_size}};
  return image;
}

// As transformers 5.24 does: where text has the times, each group has a start and an end of its own, in place of the
// video's token alone.
Status ImagePlacer::add_video(const RequestVideo& video, Layout& layout) const {
  constexpr double kMinFps = 1e-3;
  constexpr double kMaxFps = 1e3;
  if (video.frames.empty()) return fail("it has no frames");
  if (!(video.fps >= kMinFps && video.fps <= kMaxFps)) {
    return fail("fps is {}: must be from {} to {}", video.fps, kMinFps, kMaxFps);
  }
  TRY(const ImageSize size, frame_size(video));
  TRY(const PatchGrid grid, frame_grid(*videos_, processor_.shape, size, std::ssize(video.frames)));
  TRY_STATUS(check_grid(vision_, grid));
  const auto in_patch = static_cast<size_t>(vision_.temporal_patch_size);
  for (size_t index = 0; index * in_patch < video.frames.size(); ++index) {
    const FrameGroup group = group_of(video, vision_, grid, index);
    RequestImage image{.bytes = std::make_shared<const std::string>(pack_frames(group))};
    image.span = {.key = image_key(bytes_of_image(*image.bytes), processor_),
                  .grid = {.rows = grid.rows / vision_.merge_size, .cols = grid.cols / vision_.merge_size},
                  .time = group.time,
                  .continues_video = group.continues_video};
    const bool has_time_stamps = vision_.tokens_per_second == 0;
    if (has_time_stamps) {
      for (const TokenId token : tokenizer_.encode(time_stamp(video, vision_, index), false)) {
        layout.prompt.push_back(token);
      }
      layout.prompt.push_back(vision_.start_token);
    }
    layout.add(std::move(image));
    if (has_time_stamps) layout.prompt.push_back(vision_.end_token);
  }
  return {};
}

Status ImagePlacer::check_counts(const GenerationRequest& request) const {
  if (!request.videos.empty() && !takes_videos()) return fail("the request has videos, and the model takes none");
  const int64_t num_frames =
      std::accumulate(request.videos.begin(), request.videos.end(), int64_t{0},
                      [](int64_t sum, const RequestVideo& video) { return sum + std::ssize(video.frames); });
  if (std::ssize(request.images) + num_frames > kMaxRequestImages) {
    return fail("the request has {} images and {} frames of videos: at most {} together", request.images.size(),
                num_frames, kMaxRequestImages);
  }
  const auto& given = std::get<std::vector<TokenId>>(request.prompt);
  const auto check = [&](TokenId token, int64_t num_given, std::string_view what) -> Status {
    const auto num_places = std::ranges::count(given, token);
    if (num_places == num_given) return {};
    return fail("the prompt has {} times the token {} (\"{}\"), and the request {} {}", num_places, token,
                text_of(tokenizer_, token), num_given, what);
  };
  TRY_STATUS(check(vision_.image_token, std::ssize(request.images), "images"));
  if (!takes_videos()) return {};
  return check(*vision_.video_token, std::ssize(request.videos), "videos");
}

Status ImagePlacer::place(GenerationRequest& request) const {
  if (request.videos.empty() && std::ranges::all_of(request.images, &RequestImage::is_placed)) return {};
  TRY_STATUS(check_counts(request));
  Layout layout;
  size_t next_image = 0;
  size_t next_video = 0;
  for (const TokenId token : std::get<std::vector<TokenId>>(request.prompt)) {
    if (token == vision_.image_token) {
      auto image = placed(std::move(request.images[next_image]));
      if (!image.ok()) return fail("image {}: {}", next_image, image.error().message);
      layout.add(*std::move(image));
      ++next_image;
    } else if (takes_videos() && token == *vision_.video_token) {
      const Status added = add_video(request.videos[next_video], layout);
      if (!added.ok()) return fail("video {}: {}", next_video, added.error().message);
      ++next_video;
    } else {
      layout.prompt.push_back(token);
    }
  }
  request.prompt = std::move(layout.prompt);
  request.images = std::move(layout.images);
  request.videos.clear();
  return {};
}

}  // namespace braid
