// The numbers by which things are named from the client down to a rank.
#pragma once

#include <cstdint>

namespace braid {

using TokenId = int32_t;
using RequestId = uint64_t;  // unique in one controller's life; one choice of a request with n > 1 has its own
using PageId = int32_t;
using SubmissionId = uint64_t;  // one submitted request, all its choices together

}  // namespace braid
