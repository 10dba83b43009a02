// Calls that may get stuck, on a thread that the caller leaves behind if one does. Tested by watched_caller_test.cc.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "braid/base/call_thread.h"

namespace braid {

// Used by one thread.
class WatchedCaller {
 public:
  // `patience_s`: that a call may go without processor time (patience.h); 0: for ever. The thread ends with it, unless
  // it is stuck.
  explicit WatchedCaller(double patience_s) : patience_s_(patience_s) {}

  // Runs call() on the thread and waits for it. False: it is stuck, or has not been tried because so many are. A
  // stuck thread keeps `call`, which must own all that it uses. It may not throw. Threads have the role and priority of
  // the one that calls run().
  bool run(std::function<void()> call);

  static constexpr int kMaxStuck = 8;

 private:
  const double patience_s_;
  std::shared_ptr<std::atomic<int>> num_stuck_ = std::make_shared<std::atomic<int>>(0);
  std::optional<CallThread> thread_;  // absent: the next call starts one
};

}  // namespace braid
