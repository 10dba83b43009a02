// What the commands of `braid bench` share: their numbers' limits, and how a number is a flag.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>

#include "braid/cli/commands.h"
#include "braid/cli/flag_values.h"

namespace braid {

inline constexpr uint64_t kMaxBenchRequests = 1'000'000;
inline constexpr uint64_t kMaxBenchTokens = 10'000'000;  // of one request: more than any model's context
inline constexpr uint64_t kMaxBenchRanks = 64;           // threads of one process
inline constexpr uint64_t kMaxSeed = std::numeric_limits<uint64_t>::max();

CLI::Option* add_number(CLI::App& command, const char* name, auto& value, const char* help, uint64_t smallest,
                        uint64_t largest) {
  return command.add_option(name, value, help)->check(whole_number(smallest, largest))->capture_default_str();
}

// bench_serving_command.cc
void add_bench_serving_command(CLI::App& bench, CommandRunner& runner);

}  // namespace braid
