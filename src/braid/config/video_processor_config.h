// How a checkpoint wants the frames of its videos: what the video_processor of processor_config.json says, or
// video_preprocessor_config.json, or else preprocessor_config.json. Tested by video_processor_config_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/base/result.h"
#include "braid/config/image_processor_config.h"

namespace braid {

// All else is the image processor's: patches, filter, normalisation.
struct VideoProcessorConfig {
  // min_pixels and max_pixels are of all frames together (Qwen3VLVideoProcessor), not of each (Qwen2VLVideoProcessor).
  bool bounds_whole_video = false;
  int64_t min_pixels = 0;  // after the resize
  int64_t max_pixels = 0;
  bool caps_frames = false;      // also by max_video_tokens
  int64_t max_video_tokens = 0;  // of a frame, or (Qwen2VLVideoProcessor) of the context

  bool operator==(const VideoProcessorConfig&) const = default;
};

// From a checkpoint's directory. `of_whole_video`: what it means if the file does not name its class. Nothing if there
// is no file. Errors name the file and the key; one is that a setting is not that of `images`.
Result<std::optional<VideoProcessorConfig>> load_video_processor(const std::string& directory,
                                                                 const ImageProcessorConfig& images,
                                                                 bool of_whole_video);

}  // namespace braid
