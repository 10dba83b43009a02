// `braid bench`: speed beside the limit of the machine, measured in the same run. Each command has a folder of its
// name: x/x_command.cc has the flags of `braid bench x`, and its other files measure and print.
#pragma once

#include <CLI/CLI.hpp>

#include "braid/cli/commands.h"

namespace braid {

// `bench` with all its commands.
void add_bench_commands(CLI::App& app, CommandRunner& runner);

// Each of them, under `bench`.
void add_bench_roofline_command(CLI::App& bench, CommandRunner& runner);
void add_bench_kernels_command(CLI::App& bench, CommandRunner& runner);
void add_bench_exchange_command(CLI::App& bench, CommandRunner& runner);
void add_bench_latency_command(CLI::App& bench, CommandRunner& runner);
void add_bench_throughput_command(CLI::App& bench, CommandRunner& runner);
void add_bench_profile_command(CLI::App& bench, CommandRunner& runner);
void add_bench_idle_command(CLI::App& bench, CommandRunner& runner);
void add_bench_planning_command(CLI::App& bench, CommandRunner& runner);
void add_bench_serving_command(CLI::App& bench, CommandRunner& runner);
void add_bench_dispatch_command(CLI::App& bench, CommandRunner& runner);

}  // namespace braid
