// A program that this process runs. It does not outlive its owner, nor this process. Tested by child_process_test.cc.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  // the first is a program's path, or a name that is looked for in PATH
    std::vector<std::string> more_environment = {};  // "NAME=value", beside this process's
    // What it gets when this process dies, or the thread that started it ends: SIGTERM lets it end its own children.
    int signal_on_orphan = 9;
  };

  // Its standard input is empty; the other two are this process's standard error. It has a process group of its own, so
  // that a terminal's interrupt reaches this process alone.
  static Result<ChildProcess> start(const Options& options);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();  // kills its group

  struct Ending {
    int exit_code = 0;  // as a shell's: 128 + the number of a signal
    std::string text;   // "exit status 1" or "signal 9 (Killed)"
  };
  // Nothing while it runs. Does not wait.
  const std::optional<Ending>& ending();
  void signal(int number) const;  // to its group

  int file() const { return file_; }  // readable once it has ended

 private:
  ChildProcess(pid_t pid, int file) : pid_(pid), file_(file) {}
  void end();

  pid_t pid_ = -1;
  int file_ = -1;
  std::optional<Ending> ending_;
};

}  // namespace braid
