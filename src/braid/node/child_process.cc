#include "braid/node/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace braid {
namespace {

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view own(*variable);
    const std::string_view name = own.substr(0, own.find('=') + 1);
    if (std::ranges::none_of(more, [&](const std::string& other) { return other.starts_with(name); })) {
      all.emplace_back(own);
    }
  }
  return all;
}

// A client's connection that a child keeps open stays open for the client when the server closes it.
void leave_files_behind() {
  constexpr unsigned kFirst = STDERR_FILENO + 1;
  if (syscall(SYS_close_range, kFirst, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
  const auto end = static_cast<int>(sysconf(_SC_OPEN_MAX));  // Linux before 5.11
  for (int file = kFirst; file < end; ++file) fcntl(file, F_SETFD, FD_CLOEXEC);
}

// Between fork and exec: only what a signal handler may call.
[[noreturn]] void become(char* const* command, char* const* environment, int report, pid_t parent, int on_orphan) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  std::signal(SIGPIPE, SIG_DFL);
  std::signal(SIGXFSZ, SIG_DFL);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, on_orphan);
  if (getppid() != parent) _exit(1);  // it died before it was watched
  const int empty = open("/dev/null", O_RDONLY);
  dup2(empty, STDIN_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  leave_files_behind();
  execvpe(command[0], command, environment);
  const int error = errno;
  static_cast<void>(!write(report, &error, sizeof(error)));
  _exit(127);
}

ChildProcess::Ending ending_of(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return {.exit_code = 128 + number, .text = fmt::format("signal {} ({})", number, strsignal(number))};
  }
  return {.exit_code = WEXITSTATUS(status), .text = fmt::format("exit status {}", WEXITSTATUS(status))};
}

}  // namespace

Result<ChildProcess> ChildProcess::start(const Options& options) {
  const std::vector<std::string> environment = environment_with(options.more_environment);
  const std::vector<char*> command = pointers_to(options.command);
  const std::vector<char*> variables = pointers_to(environment);
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0) return fail("no pipe: {}", std::strerror(errno));
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(command.data(), variables.data(), report[1], parent, options.signal_on_orphan);
  const int fork_error = errno;
  close(report[1]);
  int exec_error = 0;
  const bool has_failed = pid > 0 && read(report[0], &exec_error, sizeof(exec_error)) == sizeof(exec_error);
  close(report[0]);
  if (pid < 0) return fail("no process for {}: {}", options.command.front(), std::strerror(fork_error));
  setpgid(pid, pid);  // here too: whoever comes first
  ChildProcess child(pid, static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (has_failed) return fail("{}: {}", options.command.front(), std::strerror(exec_error));
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      file_(std::exchange(other.file_, -1)),
      ending_(std::exchange(other.ending_, std::nullopt)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    end();
    pid_ = std::exchange(other.pid_, -1);
    file_ = std::exchange(other.file_, -1);
    ending_ = std::exchange(other.ending_, std::nullopt);
  }
  return *this;
}

ChildProcess::~ChildProcess() {
  end();
}

void ChildProcess::end() {
  if (pid_ > 0) {
    kill(-pid_, SIGKILL);  // also what it left behind
    while (!ending_ && waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (file_ >= 0) close(file_);
  pid_ = -1;
  file_ = -1;
}

const std::optional<ChildProcess::Ending>& ChildProcess::ending() {
  int status = 0;
  if (!ending_ && pid_ > 0 && waitpid(pid_, &status, WNOHANG) == pid_) ending_ = ending_of(status);
  return ending_;
}

void ChildProcess::signal(int number) const {
  if (pid_ > 0) kill(-pid_, number);
}

}  // namespace braid
