// The flags of `braid bench profile`. What the command writes is tested by api/profile_test.cc and
// tests/e2e/test_profile.py.
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/profile/profile.h"
#include "braid/bench/profile/rank_arguments.h"
#include "braid/bench/throughput/throughput_flags.h"
#include "braid/cli/flags.h"
#include "braid/cli/model_files.h"
#include "braid/cli/serve_flags.h"

namespace braid {

namespace {

struct ProfileFlags : ThroughputFlags {
  std::string output;
  int32_t ranks_per_process = 0;
  std::string version;
  std::vector<std::string> arguments;
};

// As of a server with the same flags on one node, whose ranks have no prefix cache.
Result<ProcessOptions> plan_of(const ProfileFlags& flags, const ParallelLayout& layout) {
  constexpr std::array<std::string_view, 6> kOwn = {"--num-prompts", "--input-len", "--output-len",
                                                    "--seed",        "--output",    "--ranks-per-process"};
  ServeFlags served;
  served.model = flags.model;
  served.processes.ranks_per_process = flags.ranks_per_process;
  served.version = flags.version;
  served.arguments = without_flags(flags.arguments, kOwn);
  served.arguments.emplace_back("--disable-radix-cache");
  return plan_nodes(served, layout);
}

}  // namespace

void add_bench_profile_command(Command bench, CommandRunner& runner, const std::string& version,
                               std::vector<std::string> arguments) {
  auto flags = std::make_shared<ProfileFlags>();
  flags->version = version;
  if (arguments.size() > 1) flags->arguments.assign(arguments.begin() + 1, arguments.end());  // after "profile"
  const Command command = bench.add_command("profile", "Where the ranks' time goes: a timeline and a table of shares");
  add_throughput_flags(command, *flags);
  command.add_option("--output", flags->output, "The timeline, in Chrome's trace format").required().type_name("FILE");
  add_number(command, "--ranks-per-process", flags->ranks_per_process,
             "Ranks of a process at most, as of `braid serve`; 0: all are threads of this one", 0, kMaxBenchRanks);
  runner.on(command, [flags]() -> Status {
    TRY(flags->options.engine, flags->model.engine_options());
    EngineOptions& engine = flags->options.engine;
    TRY(engine.processes, plan_of(*flags, engine.rank.layout));
    TRY_STATUS(fetch_models(flags->options.engine.source, flags->model.log_level));
    return run_bench_profile(flags->options, flags->output, bench_logger(flags->model, false), stdout);
  });
}

}  // namespace braid
