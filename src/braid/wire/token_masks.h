// Where the sampler gets the masks of a step's sequences (SamplingState::is_masked), such as a grammar's, which are
// computed during the forward pass. All that wire/ knows about grammars.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"

namespace braid {

// The tokens that may be drawn: bit id % 32 of word id / 32. Null or empty: any token.
using TokenMask = std::shared_ptr<const std::vector<uint32_t>>;

class TokenMasks {
 public:
  virtual ~TokenMasks() = default;

  // The mask for the request's output token at `position` (0: its first). Waits until the previous token is accepted
  // and the mask is computed, or until the request has ended; then any mask will do, because the token is not used. An
  // error ends only this request.
  virtual Result<TokenMask> wait_for(RequestId request, int32_t position) = 0;
};

}  // namespace braid
