// The flags of a load of many requests, which `bench throughput` and `bench profile` share.
#pragma once

#include <CLI/CLI.hpp>

#include "braid/bench/throughput/throughput.h"
#include "braid/cli/flags.h"

namespace braid {

struct ThroughputFlags {
  ModelFlags model;
  ThroughputOptions options;
};

void add_throughput_flags(CLI::App& command, ThroughputFlags& flags);

}  // namespace braid
