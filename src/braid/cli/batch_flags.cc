// braid batch: its flags, and its engine. Tested by tests/e2e/test_batch.py.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>

#include "braid/cli/commands.h"
#include "braid/cli/engine_batch_backend.h"
#include "braid/cli/flags.h"
#include "braid/cli/terminal.h"

namespace braid {
namespace {

struct BatchFlags {
  ModelFlags model;
  std::string input_path;
  std::string output_path;
};

// A signal handler has no context, so it needs a global; only this file uses it. The first Ctrl-C lets running requests
// finish, the second ends the program.
std::atomic<bool> is_interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int) {
  is_interrupted = true;
  std::signal(SIGINT, SIG_DFL);
}

Status run_batch_command(const BatchFlags& flags) {
  TRY(const EngineOptions engine_options, flags.model.engine_options());
  BatchOptions options;
  options.input_path = flags.input_path;
  options.output_path = flags.output_path;
  options.model_name = std::filesystem::path(flags.model.model_path).filename();
  options.is_stopped = &is_interrupted;
  TRY_STATUS(check_batch_files(options));
  TRY(const auto engine, load_engine(engine_options, flags.model.log_level));
  EngineBatchBackend backend(*engine);
  std::signal(SIGINT, on_interrupt);
  Result<BatchProgress> progress = BatchProgress{};
  {
    ProgressBar bar("batch");
    // Measured by the input that was read, less the lines that are not answered yet.
    options.on_progress = [&](const BatchProgress& now) {
      const int64_t lines = std::max<int64_t>(now.num_lines, 1);
      bar.show(now.input_bytes / lines * now.num_done, std::max<int64_t>(now.total_bytes, 1));
    };
    progress = run_batch(options, backend);
  }
  std::signal(SIGINT, SIG_DFL);
  if (!progress.ok()) return progress.error();
  fmt::print(stderr, "lines answered: {}, of them errors in this run: {}; tokens written: {}\n", progress->num_done,
             progress->num_errors, progress->output_tokens);
  if (is_interrupted) return fail("interrupted: the same command goes on where this one stopped");
  return {};
}

}  // namespace

void add_batch_command(Command app, CommandRunner& runner) {
  auto flags = std::make_shared<BatchFlags>();
  const Command command = app.add_command("batch", "Run a file of OpenAI batch lines");
  command.add_option("INPUT", flags->input_path, "Lines {custom_id, method, url, body}").required().type_name("FILE");
  command.add_option("OUTPUT", flags->output_path, "Where the answers go; what it has is kept, not redone")
      .required()
      .type_name("FILE");
  add_engine_flags(command, flags->model);
  runner.on(command, [flags] { return run_batch_command(*flags); });
}

}  // namespace braid
