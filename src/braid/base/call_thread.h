// A thread that runs another one's calls, one after the other, and may be left behind in a call that does not end. For
// code that cannot be interrupted. Tested by watched_caller_test.cc and idle_caller_test.cc.
#pragma once

#include <functional>
#include <memory>
#include <thread>

namespace braid {

// Used by one thread. It has the role and priority of the thread that makes it.
class CallThread {
 public:
  // `begin`: what the thread does first; may be empty.
  explicit CallThread(std::function<void()> begin = {});
  // Waits for a call that runs, unless the thread was left.
  ~CallThread();
  CallThread(const CallThread&) = delete;
  CallThread& operator=(const CallThread&) = delete;

  // Has it run call(), which may not throw. False: an earlier one still runs.
  bool start(std::function<void()> call);
  // Until the call has ended; whether it has.
  void wait();
  bool wait_for(double seconds);
  double cpu_seconds();  // processor time so far

  // From now on nobody waits for it: the call that runs must own all that it uses. Nothing but the destructor may be
  // called afterwards. `at_end`: called on the thread, once it has nothing more to do.
  void leave(std::function<void()> at_end = {});

 private:
  struct Shared;
  static void serve(Shared& shared);

  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace braid
