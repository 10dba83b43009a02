// data: URLs (RFC 2397) to bytes. Tested by data_url_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/base/result.h"
#include "braid/multimodal/sources/media_policy.h"

namespace braid {

// The media type is not looked at: the bytes say what they are. More than `max_bytes` is an error.
Result<MediaBytes> decode_data_url(std::string_view url, int64_t max_bytes);

}  // namespace braid
