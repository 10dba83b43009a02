#include "braid/cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <thread>
#include <utility>

#include "braid/cli/model_files.h"

namespace braid {

ProgressBar::ProgressBar(std::string what) : what_(std::move(what)), is_terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (is_terminal_ && out_) out_->push("\r\033[K");
}

void ProgressBar::show(int64_t done, int64_t total) {
  constexpr auto kPatience = std::chrono::seconds(1);
  if (last_shown_ < 0 && std::chrono::steady_clock::now() - started_ < kPatience) return;
  const int percent = total > 0 ? static_cast<int>(done * 100 / total) : 100;
  const int step = is_terminal_ ? 1 : 10;
  if (percent / step == last_shown_) return;
  last_shown_ = percent / step;
  if (!out_) out_.emplace(STDERR_FILENO);
  if (is_terminal_) {
    constexpr int kWidth = 40;
    const auto filled = static_cast<size_t>(percent * kWidth / 100);
    out_->push(
        fmt::format("\r{} [{}{}] {:3} %", what_, std::string(filled, '#'), std::string(kWidth - filled, '.'), percent));
  } else {
    out_->push(fmt::format("{}: {} %\n", what_, percent));
  }
}

Status check_standard_input() {
  return std::ferror(stdin) == 0 ? Status() : fail("standard input: cannot be read");
}

void end_process_soon(std::shared_ptr<Logger> logger) {
  std::thread([logger = std::move(logger)] {
    std::this_thread::sleep_for(kLastWritesTime);
    logger->flush();  // not stdio's buffers: a stuck thread may hold their locks
    _exit(kExitEngineFailed);
  }).detach();
}

Result<std::unique_ptr<Engine>> load_engine(EngineOptions options, const std::string& log_level) {
  const auto logger = make_stderr_logger(log_level);
  options.on_failure = [logger](const std::string&) { end_process_soon(logger); };
  TRY_STATUS(fetch_models(options.source, log_level));
  ProgressBar bar("loading");
  const bool shows_bar = shows_progress(log_level);
  return Engine::load(options, logger, [&](int64_t done, int64_t total) {
    if (shows_bar) bar.show(done, total);
  });
}

}  // namespace braid
