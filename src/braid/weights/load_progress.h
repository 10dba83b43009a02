// How far a checkpoint has been read.
#pragma once

#include <cstdint>
#include <functional>

namespace braid {

// Bytes of the checkpoint read so far, and in total. Called on the loading thread.
using LoadProgress = std::function<void(int64_t done, int64_t total)>;

}  // namespace braid
