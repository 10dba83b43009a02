// A thread that makes one call after the other for its owner, who may leave it behind with one. Tested by
// watched_caller_test.cc and spare_caller_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <thread>

namespace braid {

// Used by one thread, whose role and priority it has.
class HelperThread {
 public:
  HelperThread();
  // Waits for its call, unless it was left behind.
  ~HelperThread();
  HelperThread(const HelperThread&) = delete;
  HelperThread& operator=(const HelperThread&) = delete;

  // Once the call before has ended. `call` may not throw.
  void begin(std::function<void()> call);
  // Waits for the end of the call, for at most so many seconds. True if there is none.
  bool has_ended(double wait_s);
  void wait();
  // The thread's processor time so far.
  double cpu_s();

  // It ends by itself after its call, which must own all that it uses, and then calls `on_end`.
  void leave_behind(std::function<void()> on_end);

 private:
  struct Shared;
  static void serve(const std::shared_ptr<Shared>& shared);

  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace braid
