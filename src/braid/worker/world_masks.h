// The masks as the ranks of one world see them: nobody waits for one after the world has ended. Tested by
// controller/mask_worker_test.cc and api/engine_restart_test.cc.
#pragma once

#include <cstdint>
#include <stop_token>

#include "braid/wire/token_masks.h"

namespace braid {

class WorldMasks final : public TokenMasks {
 public:
  explicit WorldMasks(MaskSource& source) : source_(source) {}  // outlives it

  void expect(RequestId request, int32_t position) override { source_.expect(request, position); }
  Result<TokenMask> wait_for(RequestId request, int32_t position) override {
    return source_.wait_for(request, position, ended_.get_token());
  }
  // From any thread.
  void end() { ended_.request_stop(); }

 private:
  MaskSource& source_;
  std::stop_source ended_;
};

}  // namespace braid
