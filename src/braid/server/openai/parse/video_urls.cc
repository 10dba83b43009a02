#include "braid/server/openai/parse/video_urls.h"

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace braid::openai {
namespace {

constexpr std::string_view kJpegFrames = "data:video/jpeg;base64,";
constexpr const char* kMustBe =
    "must be a list of its frames' URLs, each as an image's, or data:video/jpeg;base64,<frame>,<frame>,…; video files "
    "are not decoded";

// Before a string is made for each.
Status check_frame_count(size_t num_frames) {
  if (num_frames <= size_t{kMaxRequestImages}) return {};
  return fail("has {} frames: at most {} are allowed", num_frames, kMaxRequestImages);
}

Result<std::vector<std::string>> read_frame_urls(const Json& frames) {
  std::vector<std::string> urls;
  if (frames.is_string()) {
    std::string_view rest = frames.get_ref<const std::string&>();
    if (!rest.starts_with(kJpegFrames)) return fail("is {}: {}", json_excerpt(frames), kMustBe);
    rest.remove_prefix(kJpegFrames.size());
    TRY_STATUS(check_frame_count(static_cast<size_t>(std::ranges::count(rest, ',')) + 1));
    for (;;) {
      const size_t comma = std::min(rest.find(','), rest.size());
      urls.emplace_back(rest.substr(0, comma));
      if (comma == rest.size()) return urls;
      rest.remove_prefix(comma + 1);
    }
  }
  if (!frames.is_array()) return fail("is {}: {}", json_excerpt(frames), kMustBe);
  if (frames.empty()) return fail("has no frames: {}", kMustBe);
  TRY_STATUS(check_frame_count(frames.size()));
  for (const Json& url : frames) {
    if (!url.is_string()) return fail("has the frame {}: {}", json_excerpt(url), kMustBe);
    urls.push_back(url.get<std::string>());
  }
  return urls;
}

}  // namespace

Result<VideoUrls> read_video_urls(const Json& frames, const Json& options,
                                  std::initializer_list<std::string_view> known) {
  VideoUrls video;
  TRY(video.frames, read_frame_urls(frames));
  for (const auto& [key, value] : options.items()) {
    if (value.is_null()) continue;  // as if it were absent
    if (key == "fps" || key == "sample_fps") {
      if (!value.is_number()) return fail("has {} {}: must be a number", key, json_excerpt(value));
      video.fps = value.get<double>();
    } else if (std::ranges::find(known, key) == known.end()) {
      return fail("has \"{}\", which is not supported: beside its frames it may have fps", key);
    }
  }
  return video;
}

}  // namespace braid::openai
