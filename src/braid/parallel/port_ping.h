// How fast bytes get from the first process of a job to each other one. Tested by port_ping_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/process_port.h"

namespace braid {

struct PingOptions {
  int32_t repeats = 200;     // round trips of a short message
  int32_t long_repeats = 8;  // of a long one
  int64_t long_bytes = int64_t{4} << 20;
  double timeout_s = 30;  // for all
};

struct PingFigures {
  int32_t process = 0;     // to which
  double latency_s = 0;    // of a short message, one way: half of the median round trip
  double bytes_per_s = 0;  // of long messages, one way
};

// All processes call it at once, and no world uses the port. The first process returns a figure for each other one, the
// others none. A process that does not answer in time is named, and the port is given up.
Result<std::vector<PingFigures>> ping_processes(ProcessPort& port, const PingOptions& options);

}  // namespace braid
