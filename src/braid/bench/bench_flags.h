// The flags that several commands of `braid bench` share, and the limits of their numbers. Tested by
// tests/e2e/test_bad_input.py.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>

#include "braid/base/log.h"
#include "braid/base/system_info.h"
#include "braid/cli/flag_values.h"
#include "braid/cli/flags.h"

namespace braid {

inline constexpr uint64_t kMaxBenchRequests = 1'000'000;
inline constexpr uint64_t kMaxBenchTokens = 10'000'000;  // of one request: more than any model's context
inline constexpr uint64_t kMaxBenchRanks = 64;           // threads of one process
inline constexpr uint64_t kMaxBusyLoops = 1024;
inline constexpr uint64_t kMaxSeed = std::numeric_limits<uint64_t>::max();

Flag add_number(Command command, const char* name, auto& value, const char* help, uint64_t smallest, uint64_t largest) {
  return command.add_option(name, value, help).check(whole_number(smallest, largest)).show_default();
}

// A command's log. It is quiet with --json, which leaves standard output to one line.
std::shared_ptr<Logger> bench_logger(const ModelFlags& flags, bool json);

struct MachineFlags {
  int32_t threads = 0;
  bool json = false;

  int num_threads() const { return threads > 0 ? threads : available_cores(); }
};

void add_machine_flags(Command command, MachineFlags& flags);

}  // namespace braid
