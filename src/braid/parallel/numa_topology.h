// The machine as a placer of ranks sees it: NUMA domains, and the CPUs of each that this process may use.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

struct NumaDomain {
  int32_t os_index = 0;       // as the system numbers it
  std::vector<int32_t> cpus;  // as the system numbers them, cores before their second hyperthreads
  bool operator==(const NumaDomain&) const = default;
};

// Domains without a CPU for this process (memory alone, or outside its cpuset) are left out; never empty. A machine
// that hwloc cannot read is an error.
Result<std::vector<NumaDomain>> numa_domains();

// The same of a machine that is only described (hwloc's synthetic topologies: "numa:2 core:4 pu:2").
Result<std::vector<NumaDomain>> numa_domains_of(const std::string& synthetic);

}  // namespace braid
