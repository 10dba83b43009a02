// Frames of a video that a vision tower puts into one temporal patch (Qwen: two). They travel as the bytes of one
// RequestImage: its content, and with it its key, says all that its features and its place in time depend on. Plain
// data. Tested by frame_group_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

struct FrameGroup {
  int32_t rows = 0;  // patches of a frame after the resize, which depends on all of the video
  int32_t cols = 0;
  int32_t time = 0;  // ImageSpan's, as the next
  bool continues_video = false;
  std::vector<std::string_view> frames;  // JPEG, PNG or WebP; with fewer than a patch has, the last one is repeated
};

std::string pack_frames(const FrameGroup& group);

// Whether the bytes are of pack_frames, and not of an image: they begin as none does.
bool are_packed_frames(std::string_view bytes);

// Nothing if the bytes are not of pack_frames. The frames point into them.
Result<std::optional<FrameGroup>> unpack_frames(std::string_view bytes);

}  // namespace braid
