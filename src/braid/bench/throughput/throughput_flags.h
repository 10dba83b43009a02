// The flags of a load of many requests, shared by `bench throughput` and `bench profile`. Tested by
// tests/e2e/test_bench.py and tests/e2e/test_bad_input.py.
#pragma once

#include "braid/bench/throughput/throughput.h"
#include "braid/cli/flags.h"

namespace braid {

struct ThroughputFlags {
  ModelFlags model;
  ThroughputOptions options;
};

void add_throughput_flags(Command command, ThroughputFlags& flags);

}  // namespace braid
