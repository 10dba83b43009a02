// What commands show a person while they work. Tested by terminal_test.cc and tests/e2e/test_server_life.py.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "braid/api/engine.h"
#include "braid/base/output_queue.h"
#include "braid/base/result.h"

namespace braid {

// A bar on stderr that redraws itself if stderr is a terminal; otherwise a log line at each tenth. Both only for work
// that takes longer than a second, so that quick work prints nothing and an error stands alone. The work never waits
// for stderr.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar();  // ends the line
  void show(int64_t done, int64_t total);

 private:
  std::string what_;
  bool is_terminal_;
  std::optional<OutputQueue> out_;  // once there is something to show
  int last_shown_ = -1;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

// Standard input that cannot be read (a directory, for example) looks like its end. Returns the error if there was one.
Status check_standard_input();

// The exit code of a process whose engine failed: a supervisor may restart it.
inline constexpr int kExitEngineFailed = 70;

// Ends the process within some two seconds, without joining threads: one may be stuck for ever. Until then answers and
// the log are written.
void end_process_soon(std::shared_ptr<Logger> logger);

// Engine::load, after a download if the model is on the hub. Shows progress bars, unless `log_level` asks for errors
// only. Logs to stderr as `log_level` says. If the engine fails later, the process ends soon.
Result<std::unique_ptr<Engine>> load_engine(EngineOptions options, const std::string& log_level);

}  // namespace braid
