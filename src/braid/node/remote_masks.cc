#include "braid/node/remote_masks.h"

#include <chrono>

namespace braid {

void RemoteMasks::expect(RequestId request, int32_t position) {
  {
    const std::lock_guard lock(mutex_);
    if (!expected_.try_emplace(Key(request, position)).second) return;
  }
  ask_({.request = request, .position = position});
}

Result<TokenMask> RemoteMasks::wait_for(RequestId request, int32_t position, std::stop_token world_ended) {
  expect(request, position);
  const Key key(request, position);
  std::unique_lock lock(mutex_);
  const bool is_there = found_.wait_for(lock, std::move(world_ended), std::chrono::duration<double>(timeout_s_),
                                        [&] { return expected_.at(key).has_value(); });
  std::optional<MaskAnswer> answer = std::move(expected_.at(key));
  expected_.erase(key);
  if (!is_there) return fail("the mask of token {} has not come within {} s", position, timeout_s_);
  if (!answer->error.empty()) return Error{std::move(answer->error)};
  if (answer->words.empty()) return TokenMask();
  return std::make_shared<const std::vector<uint32_t>>(std::move(answer->words));
}

void RemoteMasks::take(MaskAnswer answer) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = expected_.find(Key(answer.request, answer.position));
    if (found == expected_.end()) return;
    found->second = std::move(answer);
  }
  found_.notify_all();
}

}  // namespace braid
