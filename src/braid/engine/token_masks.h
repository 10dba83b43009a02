// Where the sampler gets the masks of a step's sequences from (SamplingState::is_masked): a grammar's, say, found while
// the forward pass runs. All that this room knows of grammars.
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/request/ids.h"

namespace braid {

class TokenMasks {
 public:
  virtual ~TokenMasks() = default;

  // The tokens that this request may take in the step under way, by bit id % 32 of word id / 32; empty: any. Waits
  // until they are known; good until the step's end. An error ends the request alone.
  virtual Result<std::span<const uint32_t>> wait_for(RequestId request) = 0;
};

}  // namespace braid
