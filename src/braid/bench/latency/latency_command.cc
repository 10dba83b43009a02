// The flags of `braid bench latency`. Tested by tests/e2e/test_bench.py.
#include <cstdio>
#include <memory>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/latency/latency.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"

namespace braid {

void add_bench_latency_command(Command bench, CommandRunner& runner) {
  struct Flags {
    ModelFlags model;
    LatencyOptions options;
  };
  auto flags = std::make_shared<Flags>();
  const Command command = bench.add_command("latency", "One batch: prefill, then decode step by step");
  add_model_flag(command, flags->model);
  add_rank_flags(command, flags->model);
  add_layout_flags(command, flags->model);
  LatencyOptions& options = flags->options;
  add_number(command, "--batch-size", options.batch_sizes, "Sequences; several sizes are measured one after another", 1,
             kMaxRunningRequests)
      .delimiter(',');
  add_number(command, "--input-len", options.shape.input_len, "Tokens of each prompt", 1, kMaxBenchTokens);
  add_number(command, "--output-len", options.shape.output_len, "Tokens that each sequence generates", 1,
             kMaxBenchTokens);
  add_number(command, "--repeats", options.repeats, "Runs, of which medians are reported", 1, 1'000'000);
  add_number(command, "--seed", options.shape.seed, "Of the random token ids", 0, kMaxSeed);
  command.add_flag("--skip-prefill", options.shape.skip_prefill,
                   "Decode alone, behind prompts whose keys and values are zeros: for long contexts");
  add_number(command, "--busy", options.busy_loops, "Compare with steps beside so many busy loops, in turns", 0,
             kMaxBusyLoops);
  command.add_flag("--json", options.json, "One line of JSON for each batch size");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_latency(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

}  // namespace braid
