#include "braid/base/background.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

namespace braid {
namespace {

constexpr int64_t kTurn_ns = 500'000;
constexpr int64_t kPause_ns = 10'000'000;

int turn_signal() {
  return SIGRTMAX - 1;
}

int64_t now_ns(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

ShortTurns::ShortTurns()
    : load_file_(open("/proc/loadavg", O_RDONLY | O_CLOEXEC)), num_cpus_(sysconf(_SC_NPROCESSORS_ONLN)) {
  static const bool has_handler = [] {
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_RESTART | SA_SIGINFO;
    return sigaction(turn_signal(), &action, nullptr) == 0;
  }();
  begin_turn();
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = turn_signal();
  event.sigev_value.sival_ptr = this;
  event._sigev_un._tid = gettid();
  is_timed_ = has_handler && timer_create(CLOCK_MONOTONIC, &event, &timer_) == 0;
  const itimerspec turn = {.it_interval = {0, kTurn_ns}, .it_value = {0, kTurn_ns}};
  if (is_timed_) timer_settime(timer_, 0, &turn, nullptr);
}

// A signal that is under way is delivered before this thread returns from timer_delete(), or never.
ShortTurns::~ShortTurns() {
  if (is_timed_) timer_delete(timer_);
  if (load_file_ >= 0) close(load_file_);
}

void ShortTurns::on_signal(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const int error = errno;
  static_cast<ShortTurns*>(info->si_value.sival_ptr)->end_turn();
  errno = error;
}

void ShortTurns::begin_turn() {
  begin_ns_ = now_ns(CLOCK_MONOTONIC);
  begin_cpu_ns_ = now_ns(CLOCK_THREAD_CPUTIME_ID);
}

// By /proc/loadavg: "0.20 0.18 0.12 3/80 11206" has three of 80 threads that run or want to. It is made anew for each
// read from its beginning.
bool ShortTurns::is_machine_full() const {
  std::array<char, 128> text;
  const ssize_t size = pread(load_file_, text.data(), text.size(), 0);
  std::string_view rest(text.data(), size > 0 ? static_cast<size_t>(size) : 0);
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return false;
  rest = rest.substr(0, slash);
  rest.remove_prefix(rest.rfind(' ') + 1);
  int64_t num_running = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), num_running);
  return num_running > num_cpus_;
}

// The count of threads is the machine's. A process that is kept to some of its CPUs learns by waiting that others want
// them too, which it does at the latest where it offers its own.
bool ShortTurns::is_kept_waiting() const {
  sched_yield();
  const int64_t waited_ns = now_ns(CLOCK_MONOTONIC) - begin_ns_ - (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_ns_);
  return waited_ns > kTurn_ns / 4;
}

void ShortTurns::end_turn() {
  // A thread that slept or waited itself when the timer went off has its turn before it.
  if (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin_cpu_ns_ < kTurn_ns / 2) return;
  if (is_machine_full() || is_kept_waiting()) {
    const timespec pause = {.tv_sec = 0, .tv_nsec = kPause_ns};
    nanosleep(&pause, nullptr);
  }
  begin_turn();
}

void give_way_to_steps() {
  constexpr int kQuarter = 6;  // nice: each step is a factor of 1.25
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kQuarter);
}

void run_when_idle() {
  const sched_param none = {};
  sched_setscheduler(0, SCHED_IDLE, &none);
}

}  // namespace braid
