// `braid ping`: latency and bandwidth between the processes of an MPI job. Tested by ping_command_test.cc and
// tests/e2e/test_doctor.py.
#pragma once

#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/port_ping.h"

namespace braid {

// Called by all processes of the job. The first one writes the report to a file or, if `out` is empty, prints a table.
Status run_ping(const std::string& out);

// A report as JSON, and back.
std::string ping_report(const std::vector<PingFigures>& figures);
Result<std::vector<PingFigures>> read_ping_report(const std::string& text);

}  // namespace braid
