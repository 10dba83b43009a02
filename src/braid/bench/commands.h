// `braid bench`: measures speed beside the machine's limit, in the same run. Each command has a folder of its name:
// x/x_command.cc defines the flags of `braid bench x`, and the other files measure and print. Tested by
// tests/e2e/test_bench.py.
#pragma once

#include <string>
#include <vector>

#include "braid/cli/commands.h"

namespace braid {

// Adds `bench` with all its commands. `version`: of braid. `arguments`: of this start, after "bench".
void add_bench_commands(Command app, CommandRunner& runner, const std::string& version,
                        std::vector<std::string> arguments);

// Each adds one command to `bench`.
void add_bench_roofline_command(Command bench, CommandRunner& runner);
void add_bench_kernels_command(Command bench, CommandRunner& runner);
void add_bench_exchange_command(Command bench, CommandRunner& runner);
void add_bench_overlap_command(Command bench, CommandRunner& runner);
void add_bench_latency_command(Command bench, CommandRunner& runner);
void add_bench_throughput_command(Command bench, CommandRunner& runner);
void add_bench_profile_command(Command bench, CommandRunner& runner, const std::string& version,
                               std::vector<std::string> arguments);
void add_bench_idle_command(Command bench, CommandRunner& runner);
void add_bench_planning_command(Command bench, CommandRunner& runner);
void add_bench_simulate_command(Command bench, CommandRunner& runner);
void add_bench_serving_command(Command bench, CommandRunner& runner);
void add_bench_dispatch_command(Command bench, CommandRunner& runner);
void add_bench_mm_broadcast_command(Command bench, CommandRunner& runner);

}  // namespace braid
