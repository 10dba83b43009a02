// Opens the MPI job that this process was started in. MPI is in a shared object of its own (parallel/mpi), which is
// loaded only here: a program with one process needs none. Tested by mpi_module_test.cc and tests/e2e/test_mpi.py.
#pragma once

#include <memory>
#include <string>

#include "braid/base/result.h"
#include "braid/parallel/process_port.h"

namespace braid {

// Where the shared object is: in the folder of the running program, or in ../lib/braid beside that.
std::string mpi_module_path();

// Once in a process. Joins the job within `timeout_s`; without mpirun or another launcher, a job of one process. The
// last owner of the port leaves the job, within the same time; it does not wait for the others if the port was given
// up. Errors name the file and what to install.
Result<std::shared_ptr<ProcessPort>> open_mpi(const std::string& module_path, double timeout_s);

}  // namespace braid
