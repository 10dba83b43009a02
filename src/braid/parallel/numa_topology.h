// The machine's NUMA domains, and the CPUs of each domain that this process may use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

struct NumaDomain {
  int32_t os_index = 0;       // the system's number
  std::vector<int32_t> cpus;  // the system's numbers, all cores before their second hyperthreads
  bool operator==(const NumaDomain&) const = default;
};

// Leaves out domains without a CPU for this process (only memory, or outside its cpuset). Never empty. An error if
// hwloc cannot read the machine.
Result<std::vector<NumaDomain>> numa_domains();

// The same for a described machine (hwloc's synthetic topologies: "numa:2 core:4 pu:2").
Result<std::vector<NumaDomain>> numa_domains_of(const std::string& synthetic);

}  // namespace braid
