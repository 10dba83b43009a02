// The front of a launched job: a child of the job's first process. Tested by tests/e2e/test_launched.py.
//
// It is forked before that process calls MPI, so that MPI never sees it, and it needs no path to the program. It has a
// process group of its own: signals of the launcher reach the parent alone, which passes them on.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>

#include "braid/base/result.h"

namespace braid {

class FrontProcess {
 public:
  // Null: this is the child, which dies with its parent. Call before any thread starts.
  static Result<std::unique_ptr<FrontProcess>> fork();
  ~FrontProcess();  // kills it
  FrontProcess(const FrontProcess&) = delete;
  FrontProcess& operator=(const FrontProcess&) = delete;

  void signal(int number) const;
  // Its exit code, as a shell's, once it has ended. Waits for `time` at most. From one thread at a time.
  std::optional<int> exit_code(std::chrono::milliseconds time);

 private:
  explicit FrontProcess(pid_t pid) : pid_(pid) {}

  const pid_t pid_;
  std::optional<int> exit_code_;
};

}  // namespace braid
