// What commands say to a person while they work.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "braid/api/engine.h"
#include "braid/base/result.h"

namespace braid {

// A bar on stderr that redraws itself where stderr is a terminal; elsewhere a log line at each tenth of the way. Both
// only for work that takes longer than a second: what is soon over needs no word, and an error stands alone.
class ProgressBar {
 public:
  explicit ProgressBar(std::string what);
  ~ProgressBar();  // ends the line
  void show(int64_t done, int64_t total);

 private:
  std::string what_;
  bool is_terminal_;
  int last_shown_ = -1;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
};

// An error of reading standard input ends its lines as their end does: it may be a directory.
Status check_standard_input();

// What a process ends with whose engine has failed: a supervisor may start it again.
inline constexpr int kExitEngineFailed = 70;

// Ends the process within two seconds, joining no thread: one may be stuck for ever. Until then answers are written.
void end_process_soon();

// Engine::load, after a download where the model is one of the hub's, each with a progress bar (but where only errors
// are wanted), and a log on stderr from `log_level` up. If the engine fails later, the process ends soon.
Result<std::unique_ptr<Engine>> load_engine(EngineOptions options, const std::string& log_level);

}  // namespace braid
