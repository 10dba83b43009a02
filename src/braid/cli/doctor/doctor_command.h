// `braid doctor`: checks on every node that `braid serve` can do there what its flags say. Tested by
// doctor_command_test.cc, tests/e2e/test_doctor.py and tests/cluster/test_doctor.py.
#pragma once

#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/cli/serve_flags.h"

namespace braid {

struct DoctorFlags {
  ServeFlags serve;
  double wait_s = 60;  // for other nodes
};

// Prints a line for each check to standard output. Returns the exit code: 1 if one has failed.
Result<int> run_doctor(const DoctorFlags& flags);

// Those of `braid rank`, out of the doctor's.
std::vector<std::string> arguments_of_ranks(const std::vector<std::string>& arguments);

}  // namespace braid
