#include "braid/base/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <thread>

namespace braid {

// The waiting caller lowers the priority: a thread that lowers its own would have to look at the time while it works,
// and without privileges no thread can raise it again.
void run_in_background(FunctionRef<void()> work) {
  constexpr std::chrono::milliseconds kMoment(2);
  constexpr int kLowestPriority = 19;
  std::atomic<pid_t> id{0};
  std::promise<void> promise;
  std::future<void> done = promise.get_future();
  const std::jthread thread([&] {
    id.store(gettid());
    try {
      work();
      promise.set_value();
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  });
  while (done.wait_for(kMoment) != std::future_status::ready) {
    const pid_t started = id.load();
    if (started == 0) continue;
    setpriority(PRIO_PROCESS, static_cast<id_t>(started), kLowestPriority);
    done.wait();
  }
  done.get();
}

}  // namespace braid
