// Where the sampler gets the masks of a step's sequences from (SamplingState::is_masked): a grammar's, say, found while
// the forward pass runs. All that this room knows of grammars.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"

namespace braid {

// The tokens that may be drawn, by bit id % 32 of word id / 32; null or empty: any.
using TokenMask = std::shared_ptr<const std::vector<uint32_t>>;

class TokenMasks {
 public:
  virtual ~TokenMasks() = default;

  // For the request's output token at `position` (0: its first). Waits until the one before it has been accepted and
  // the mask is found, or until the request has ended, when any token will do: nobody reads it. An error ends the
  // request alone.
  virtual Result<TokenMask> wait_for(RequestId request, int32_t position) = 0;
};

}  // namespace braid
