// SIGINT and SIGTERM as something to wait for, instead of handlers.
#pragma once

#include <chrono>
#include <optional>

#include "braid/base/result.h"

namespace braid {

class SignalQueue {
 public:
  // Blocks both signals in this thread and in all that it starts from now on: to be made before any of them.
  static Result<SignalQueue> open();
  SignalQueue(SignalQueue&& other) noexcept;
  SignalQueue& operator=(SignalQueue&&) = delete;
  ~SignalQueue();

  // The next signal; nothing if wake() was called, or none came in this time (nullopt: however long it takes).
  std::optional<int> wait(std::optional<std::chrono::milliseconds> time = std::nullopt);
  // Ends a wait() from another thread, or the next one.
  void wake();

 private:
  SignalQueue(int signals, int wake) : signals_(signals), wake_(wake) {}

  int signals_ = -1;
  int wake_ = -1;
};

}  // namespace braid
