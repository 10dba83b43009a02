#include "braid/base/background.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <future>
#include <thread>

namespace braid {
namespace {

constexpr int64_t kTurn_ns = 500'000;

// Also a thread of the lowest priority keeps its CPU until the kernel's next tick, up to 4 ms. So a timer interrupts
// it, and it offers its CPU. Whoever waits for it is then chosen; with nobody there, this costs a microsecond.
void offer_cpu(int /*signal*/) {
  static thread_local int64_t last_ns = 0;
  timespec used = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  const int64_t now_ns = used.tv_sec * 1'000'000'000 + used.tv_nsec;
  // A thread that has hardly run since was waiting itself when the timer went off, and would never get on.
  if (now_ns - last_ns < kTurn_ns / 2) return;
  sched_yield();
  last_ns = now_ns;
}

// While it lives, offer_cpu() is called on the thread `id` each half millisecond.
class Pacemaker {
 public:
  explicit Pacemaker(pid_t id) {
    static const bool has_handler = [] {
      struct sigaction action = {};
      action.sa_handler = offer_cpu;
      action.sa_flags = SA_RESTART;
      return sigaction(signal_number(), &action, nullptr) == 0;
    }();
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = signal_number();
    event._sigev_un._tid = id;
    is_running_ = has_handler && timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
    const itimerspec turn = {.it_interval = {0, kTurn_ns}, .it_value = {0, kTurn_ns}};
    if (is_running_) timer_settime(timer_, 0, &turn, nullptr);
  }
  ~Pacemaker() {
    if (is_running_) timer_delete(timer_);
  }
  Pacemaker(const Pacemaker&) = delete;
  Pacemaker& operator=(const Pacemaker&) = delete;

 private:
  static int signal_number() { return SIGRTMAX - 1; }

  bool is_running_ = false;
  timer_t timer_ = {};
};

}  // namespace

void give_way_to_steps() {
  constexpr int kQuarter = 6;  // nice: each step is a factor of 1.25
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kQuarter);
}

// The waiting caller does it all: a thread that lowers its own priority would have to look at the time while it works,
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
    const Pacemaker pacemaker(started);
    done.wait();
  }
  done.get();
}

}  // namespace braid
