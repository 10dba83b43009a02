// The flags of `braid bench overlap`. Tested by tests/e2e/test_mpi.py.
#include <cstdio>
#include <memory>
#include <string>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/overlap/overlap.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"
#include "braid/node/process_places.h"

namespace braid {

void add_bench_overlap_command(Command bench, CommandRunner& runner) {
  struct Flags {
    ModelFlags model;
    OverlapOptions options;
    std::string sizes = "8,64,512,4096";
  };
  auto flags = std::make_shared<Flags>();
  const Command command = bench.add_command(
      "overlap", "Steps in two halves, of which one travels while the other is computed, beside whole ones (mpirun)");
  add_model_flag(command, flags->model);
  add_rank_flags(command, flags->model);
  add_layout_flags(command, flags->model);
  command.add_option("--token-sizes", flags->sizes, "Tokens of each group in a step").show_default();
  add_number(command, "--repeats", flags->options.repeats, "Runs, of which medians are reported", 1, 1'000'000);
  command.add_flag("--json", flags->options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.token_sizes, parse_counts("--token-sizes", flags->sizes));
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_overlap(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

}  // namespace braid
