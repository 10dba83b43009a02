// An image of a request. Plain data. Tested by wire/assignment_map_codec_test.cc and api/request_check_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/image_span.h"

namespace braid {

inline constexpr int64_t kMaxRequestImages = 256;  // of one request

struct RequestImage {
  // As it was sent: JPEG, PNG or WebP; or frames of a video that are one image for the model (frame_group.h). Shared by
  // a request's choices, and by all who pass them on.
  std::shared_ptr<const std::string> bytes;
  // Where it lies in the prompt. No tokens: its place is still one token of the prompt, the model's for an image.
  ImageSpan span = {};

  bool is_placed() const { return span.num_tokens() > 0; }
  bool operator==(const RequestImage& other) const {
    const auto content = [](const RequestImage& image) { return image.bytes ? std::string_view(*image.bytes) : ""; };
    return span == other.span && content(*this) == content(other);
  }
};

// A video of a request, as frames that have been chosen already: all of them are used.
struct RequestVideo {
  std::vector<std::shared_ptr<const std::string>> frames;  // JPEG, PNG or WebP, all of one size
  double fps = 2.0;                                        // frames a second
};

// An error if the images do not lie in order in the prompt, or if the prompt's placeholders are not theirs.
Status check_placeholders(std::span<const TokenId> prompt, std::span<const RequestImage> images);

}  // namespace braid
