// What this machine has for us, as the kernel and the container's limits (cgroup v1 and v2) say.
#pragma once

#include <cstdint>

namespace braid {

// Memory that can be taken without swapping: the lesser of the system's available memory and what the cgroup leaves.
int64_t available_memory_bytes();

// Resident memory of this process.
int64_t resident_memory_bytes();

// Page faults of all threads of this process until now, those that the disk had to serve included.
int64_t page_faults();

// Cores that this process may use: its affinity mask, and no more than the cgroup's CPU quota (at least 1).
int available_cores();

}  // namespace braid
