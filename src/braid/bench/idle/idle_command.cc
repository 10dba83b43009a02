// The flags of `braid bench idle`. Tested by tests/e2e/test_bench.py.
#include <cstdio>
#include <memory>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/idle/idle.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"

namespace braid {

void add_bench_idle_command(Command bench, CommandRunner& runner) {
  struct Flags {
    ModelFlags model;
    IdleOptions options;
  };
  auto flags = std::make_shared<Flags>();
  const Command command =
      bench.add_command("idle", "What an engine without work costs, and the first token behind that");
  add_model_flag(command, flags->model);
  add_tokenizer_flag(command, flags->model);
  add_rank_flags(command, flags->model);
  add_layout_flags(command, flags->model);
  add_schedule_flag(command, flags->model);
  IdleOptions& options = flags->options;
  const auto seconds = [&](const char* name, double& value, const char* help) {
    command.add_option(name, value, help).check(number_above(0, 3600)).show_default();
  };
  seconds("--seconds", options.idle_s, "Without a request, while processor time is counted");
  seconds("--pause", options.pause_s, "Seconds of nothing before a request");
  add_number(command, "--repeats", options.repeats, "Requests of each kind, of which medians are reported", 1, 10'000);
  add_number(command, "--input-len", options.input_len, "Tokens of each prompt", 1, kMaxBenchTokens);
  command.add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_idle(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

}  // namespace braid
