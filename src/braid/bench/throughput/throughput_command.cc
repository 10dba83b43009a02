// The flags of `braid bench throughput`.
#include <cstdio>
#include <memory>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/throughput/throughput_flags.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"

namespace braid {

void add_bench_throughput_command(Command bench, CommandRunner& runner) {
  auto flags = std::make_shared<ThroughputFlags>();
  const Command command = bench.add_command("throughput", "Many requests through the whole engine");
  add_throughput_flags(command, *flags);
  ThroughputOptions& options = flags->options;
  command.add_flag("--json", options.json, "One line of JSON");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_throughput(flags->options, bench_logger(flags->model, flags->options.json), stdout);
  });
}

}  // namespace braid
