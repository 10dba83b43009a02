// data: URLs (RFC 2397) to bytes. Tested by data_url_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/multimodal/sources/media_policy.h"

namespace braid {

// The media type is not looked at: the bytes say what they are. More than `max_bytes` is an error.
Result<MediaBytes> decode_data_url(std::string_view url, int64_t max_bytes);

// "%20" and the like as bytes. An error names a "%" without two hexadecimal digits.
Result<std::string> decode_percent(std::string_view text);

}  // namespace braid
