#include "braid/bench/commands.h"

#include <utility>

namespace braid {

void add_bench_commands(Command app, CommandRunner& runner, const std::string& version,
                        std::vector<std::string> arguments) {
  const Command bench = app.add_command("bench", "Measure speed beside the floor of this machine");
  bench.require_command();
  add_bench_roofline_command(bench, runner);
  add_bench_kernels_command(bench, runner);
  add_bench_exchange_command(bench, runner);
  add_bench_overlap_command(bench, runner);
  add_bench_latency_command(bench, runner);
  add_bench_throughput_command(bench, runner);
  add_bench_profile_command(bench, runner, version, std::move(arguments));
  add_bench_idle_command(bench, runner);
  add_bench_planning_command(bench, runner);
  add_bench_simulate_command(bench, runner);
  add_bench_serving_command(bench, runner);
  add_bench_dispatch_command(bench, runner);
  add_bench_mm_broadcast_command(bench, runner);
}

}  // namespace braid
