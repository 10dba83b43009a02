// An image of a request. Plain data. Tested by wire/assignment_map_codec_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "braid/request/image_span.h"

namespace braid {

inline constexpr int64_t kMaxRequestImages = 256;  // of one request

struct RequestImage {
  // As it was sent: JPEG, PNG or WebP. Shared by a request's choices, and by all who pass them on.
  std::shared_ptr<const std::string> bytes;
  // Where it lies in the prompt. No tokens: its place is still one token of the prompt, the model's for an image.
  ImageSpan span = {};

  bool is_placed() const { return span.num_tokens() > 0; }
  bool operator==(const RequestImage& other) const {
    const auto content = [](const RequestImage& image) { return image.bytes ? std::string_view(*image.bytes) : ""; };
    return span == other.span && content(*this) == content(other);
  }
};

}  // namespace braid
