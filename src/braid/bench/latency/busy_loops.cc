#include "braid/bench/latency/busy_loops.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace braid {
namespace {

// The child: only what is safe after fork() in a program with threads.
[[noreturn]] void compute_for_ever(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it ended before prctl() was called
  raise(SIGSTOP);
  std::atomic<unsigned> count = 0;  // without it the loop could be optimized away
  for (;;) count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Until a stopped process runs, or a running one has stopped.
Status wait_until(pid_t process, bool runs) {
  int status = 0;
  const int wanted = runs ? WCONTINUED : WUNTRACED;
  while (waitpid(process, &status, wanted) != process) {
    if (errno != EINTR) return fail("a busy loop: {}", std::strerror(errno));
  }
  if (runs ? WIFCONTINUED(status) : WIFSTOPPED(status)) return {};
  return fail("a busy loop ended by itself");
}

}  // namespace

Result<BusyLoops> BusyLoops::start(int count) {
  BusyLoops loops;
  const pid_t parent = getpid();
  for (int i = 0; i < count; ++i) {
    const pid_t process = fork();
    if (process < 0) return fail("cannot start a busy loop: {}", std::strerror(errno));
    if (process == 0) compute_for_ever(parent);
    loops.processes_.push_back(process);
  }
  for (const pid_t process : loops.processes_) TRY_STATUS(wait_until(process, false));
  return loops;
}

BusyLoops::BusyLoops(BusyLoops&& other) noexcept : processes_(std::exchange(other.processes_, {})) {}

BusyLoops::~BusyLoops() {
  for (const pid_t process : processes_) {
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
  }
}

Status BusyLoops::run() {
  return tell_all(SIGCONT, true);
}

Status BusyLoops::pause() {
  return tell_all(SIGSTOP, false);
}

Status BusyLoops::tell_all(int signal, bool runs) {
  for (const pid_t process : processes_) {
    if (kill(process, signal) != 0) return fail("a busy loop: {}", std::strerror(errno));
  }
  for (const pid_t process : processes_) TRY_STATUS(wait_until(process, runs));
  return {};
}

}  // namespace braid
