// Calls that may get stuck, on a helper thread that the caller leaves behind if one does. For code that cannot be
// interrupted. Tested by watched_caller_test.cc.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <thread>

namespace braid {

// Used by one thread.
class WatchedCaller {
 public:
  // `patience_s`: that a call may go without processor time (patience.h); 0: for ever.
  explicit WatchedCaller(double patience_s) : patience_s_(patience_s) {}
  // The helper ends, unless it is stuck.
  ~WatchedCaller();
  WatchedCaller(const WatchedCaller&) = delete;
  WatchedCaller& operator=(const WatchedCaller&) = delete;

  // Runs call() on the helper thread and waits for it. False: it is stuck, or has not been tried because so many are. A
  // stuck thread keeps `call`, which must own all that it uses. It may not throw. Helpers have the role and priority of
  // the thread that calls run().
  bool run(std::function<void()> call);

  static constexpr int kMaxStuck = 8;

 private:
  struct Helper;
  static void serve(const std::shared_ptr<Helper>& helper);

  const double patience_s_;
  std::shared_ptr<std::atomic<int>> num_stuck_ = std::make_shared<std::atomic<int>>(0);
  std::shared_ptr<Helper> helper_;  // null, as the thread: the next call starts one
  std::thread thread_;
};

}  // namespace braid
