#include "braid/cli/front_process.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>

namespace braid {

Result<std::unique_ptr<FrontProcess>> FrontProcess::fork() {
  const pid_t parent = getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail("no process for the front: {}", std::strerror(errno));
  if (pid > 0) {
    setpgid(pid, pid);  // here too: whoever comes first
    return std::unique_ptr<FrontProcess>(new FrontProcess(pid));
  }
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before it was watched
  return std::unique_ptr<FrontProcess>();
}

FrontProcess::~FrontProcess() {
  if (exit_code_) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void FrontProcess::signal(int number) const {
  if (!exit_code_) kill(pid_, number);
}

std::optional<int> FrontProcess::exit_code(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kStep{5};
  const auto until = std::chrono::steady_clock::now() + time;
  for (;;) {
    int status = 0;
    if (!exit_code_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    if (exit_code_ || std::chrono::steady_clock::now() >= until) return exit_code_;
    std::this_thread::sleep_for(kStep);
  }
}

}  // namespace braid
