// What this machine offers to us, according to the kernel and the container's limits (cgroup v1 and v2). Tested by
// worker/rank_set_test.cc and tests/e2e/test_bench.py, through its users.
#pragma once

#include <cstdint>
#include <string>

namespace braid {

// Memory that can be taken without swapping: the system's available memory or what the cgroup leaves, whichever is
// less.
int64_t available_memory_bytes();

// Resident memory of this process.
int64_t resident_memory_bytes();

// Page faults of all threads of this process so far, including those served from disk.
int64_t page_faults();

// Cores that this process may use: its affinity mask, limited by its cgroups' CPU quotas (cpu_quota.h). At least 1.
int available_cores();

// Names the running system: processes of one host have the same, also in different containers. Empty if unknown.
std::string boot_id();

// Names the file of this program as it is now: another build under the same path has another id.
std::string program_id();

// The host's name; empty if unknown.
std::string host_name();

}  // namespace braid
