// The flags of `braid bench profile`.
#include <cstdio>
#include <memory>
#include <string>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/profile/profile.h"
#include "braid/bench/throughput/throughput_flags.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"

namespace braid {

void add_bench_profile_command(Command bench, CommandRunner& runner) {
  struct Flags : ThroughputFlags {
    std::string output;
  };
  auto flags = std::make_shared<Flags>();
  const Command command = bench.add_command("profile", "Where the ranks' time goes: a timeline and a table of shares");
  add_throughput_flags(command, *flags);
  command.add_option("--output", flags->output, "The timeline, in Chrome's trace format").required().type_name("FILE");
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_profile(flags->options, flags->output, bench_logger(flags->model, false), stdout);
  });
}

}  // namespace braid
