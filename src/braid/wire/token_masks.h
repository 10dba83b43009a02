// Where the sampler gets the masks of a step's sequences (SamplingState::is_masked), such as a grammar's, which are
// computed during the forward pass. All that wire/ knows about grammars.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/ids.h"

namespace braid {

// The tokens that may be drawn: bit id % 32 of word id / 32. Null or empty: any token.
using TokenMask = std::shared_ptr<const std::vector<uint32_t>>;

// What the ranks of one world see.
class TokenMasks {
 public:
  virtual ~TokenMasks() = default;

  // A mask will be waited for once the forward pass is done: one that comes from elsewhere can be on its way meanwhile.
  virtual void expect(RequestId /*request*/, int32_t /*position*/) {}

  // The mask for the request's output token at `position` (0: its first). Waits until the previous token is accepted
  // and the mask is computed, or until the request has ended; then any mask will do, because the token is not used. An
  // error ends only this request.
  virtual Result<TokenMask> wait_for(RequestId request, int32_t position) = 0;
};

// The same for the ranks of all worlds.
class MaskSource {
 public:
  virtual ~MaskSource() = default;

  virtual void expect(RequestId /*request*/, int32_t /*position*/) {}
  // Also returns, with an error, once the world of the caller has ended: its requests go on in another.
  virtual Result<TokenMask> wait_for(RequestId request, int32_t position, std::stop_token world_ended) = 0;
};

// The same for who does not wait, such as the front's answers to other processes.
class MaskFinder {
 public:
  virtual ~MaskFinder() = default;

  // Calls `take` once, at once or on another thread. It must not call back.
  using TakeMask = std::function<void(const Result<TokenMask>& mask)>;
  virtual void when_found(RequestId request, int32_t position, TakeMask take) = 0;
};

}  // namespace braid
