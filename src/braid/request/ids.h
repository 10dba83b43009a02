// The ids used from the front down to a rank.
#pragma once

#include <cstdint>

namespace braid {

using TokenId = int32_t;
using RequestId = uint64_t;  // unique in a controller's life; with n > 1 each choice of a request has its own
using PageId = int32_t;
using SubmissionId = uint64_t;  // one submitted request, all its choices together

}  // namespace braid
