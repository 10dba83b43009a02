// Waits for SIGINT and SIGTERM, instead of handlers. Tested by tests/e2e/test_server_life.py.
#pragma once

#include <chrono>
#include <optional>
#include <span>

#include "braid/base/result.h"

namespace braid {

class SignalQueue {
 public:
  // Blocks both signals, and those of `more`, in this thread and in all threads it starts later, so it must be called
  // before they start.
  static Result<SignalQueue> open(std::span<const int> more = {});
  SignalQueue(SignalQueue&& other) noexcept;
  SignalQueue& operator=(SignalQueue&&) = delete;
  ~SignalQueue();

  // The next signal; nothing if wake() was called, or no signal came in `time` (nullopt: no limit).
  std::optional<int> wait(std::optional<std::chrono::milliseconds> time = std::nullopt);
  // Ends a wait() from another thread, or the next one.
  void wake();

 private:
  SignalQueue(int signals, int wake) : signals_(signals), wake_(wake) {}

  int signals_ = -1;
  int wake_ = -1;
};

}  // namespace braid
