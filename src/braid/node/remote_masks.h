// The masks of grammars in a process with ranks: asked of the front when a step begins, and waited for when it samples.
// Tested by remote_masks_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "braid/wire/process_message.h"
#include "braid/wire/token_masks.h"

namespace braid {

class RemoteMasks final : public MaskSource {
 public:
  // `ask` sends the question. `timeout_s`: how long a sampler waits; then its request ends with an error.
  RemoteMasks(std::function<void(const MaskWanted&)> ask, double timeout_s)
      : ask_(std::move(ask)), timeout_s_(timeout_s) {}

  void expect(RequestId request, int32_t position) override;
  Result<TokenMask> wait_for(RequestId request, int32_t position, std::stop_token world_ended) override;

  // The front's answer, from any thread. One that nobody expects is dropped.
  void take(MaskAnswer answer);

 private:
  using Key = std::pair<RequestId, int32_t>;

  const std::function<void(const MaskWanted&)> ask_;
  const double timeout_s_;
  std::mutex mutex_;
  std::condition_variable_any found_;
  std::map<Key, std::optional<MaskAnswer>> expected_;
};

}  // namespace braid
