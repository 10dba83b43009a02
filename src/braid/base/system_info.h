// What this machine has for us, as the kernel and the container's limits (cgroup v1 and v2) say.
#pragma once

#include <cstdint>

namespace braid {

// Memory that can be taken without swapping: the lesser of the system's available memory and what the cgroup leaves.
int64_t available_memory_bytes();

// Resident memory of this process.
int64_t resident_memory_bytes();

// Cores that this process may use: its affinity mask, and no more than the cgroup's CPU quota (at least 1).
int available_cores();

}  // namespace braid
