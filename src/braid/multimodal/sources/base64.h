// Base64 (RFC 4648) to bytes. Tested by base64_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/base/result.h"
#include "braid/multimodal/sources/media_policy.h"

namespace braid {

// The standard alphabet or the one for URLs; white space is skipped, and "=" at the end may be missing. More than
// `max_bytes` is an error before they are decoded.
Result<MediaBytes> decode_base64(std::string_view text, int64_t max_bytes);

}  // namespace braid
