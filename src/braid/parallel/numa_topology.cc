#include "braid/parallel/numa_topology.h"

#include <hwloc.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>

namespace braid {
namespace {

struct DestroyTopology {
  void operator()(hwloc_topology_t topology) const { hwloc_topology_destroy(topology); }
};
using Topology = std::unique_ptr<std::remove_pointer_t<hwloc_topology_t>, DestroyTopology>;

// One hyperthread of every core, then the second ones: a rank with as many threads as cores shares no core.
std::vector<int32_t> cpus_of(hwloc_topology_t topology, hwloc_const_cpuset_t cpuset) {
  std::vector<int32_t> cpus;
  const int num_cores = hwloc_get_nbobjs_inside_cpuset_by_type(topology, cpuset, HWLOC_OBJ_CORE);
  const int num_pus = hwloc_get_nbobjs_inside_cpuset_by_type(topology, cpuset, HWLOC_OBJ_PU);
  for (unsigned thread = 0; std::cmp_less(cpus.size(), num_pus) && num_cores > 0; ++thread) {
    const size_t before = cpus.size();
    for (unsigned core = 0; std::cmp_less(core, num_cores); ++core) {
      const hwloc_obj_t object = hwloc_get_obj_inside_cpuset_by_type(topology, cpuset, HWLOC_OBJ_CORE, core);
      const hwloc_obj_t pu = hwloc_get_obj_inside_cpuset_by_type(topology, object->cpuset, HWLOC_OBJ_PU, thread);
      if (pu != nullptr) cpus.push_back(static_cast<int32_t>(pu->os_index));
    }
    if (cpus.size() == before) break;
  }
  for (unsigned i = 0; cpus.empty() && std::cmp_less(i, num_pus); ++i) {  // the system does not report cores
    cpus.push_back(
        static_cast<int32_t>(hwloc_get_obj_inside_cpuset_by_type(topology, cpuset, HWLOC_OBJ_PU, i)->os_index));
  }
  return cpus;
}

Result<std::vector<NumaDomain>> read(const std::string* synthetic) {
  hwloc_topology_t made = nullptr;
  if (hwloc_topology_init(&made) != 0) return fail("the machine's topology cannot be read: {}", std::strerror(errno));
  const Topology topology(made);
  if (synthetic != nullptr && hwloc_topology_set_synthetic(made, synthetic->c_str()) != 0) {
    return fail("\"{}\" does not describe a machine", *synthetic);
  }
  if (hwloc_topology_load(made) != 0) return fail("the machine's topology cannot be read: {}", std::strerror(errno));
  std::vector<NumaDomain> domains;
  hwloc_obj_t node = nullptr;
  while ((node = hwloc_get_next_obj_by_type(made, HWLOC_OBJ_NUMANODE, node)) != nullptr) {
    std::vector<int32_t> cpus = cpus_of(made, node->cpuset);
    if (!cpus.empty()) domains.push_back({.os_index = static_cast<int32_t>(node->os_index), .cpus = std::move(cpus)});
  }
  if (domains.empty()) return fail("the machine's topology has no CPU that this process may use");
  return domains;
}

}  // namespace

Result<std::vector<NumaDomain>> numa_domains() {
  return read(nullptr);
}

Result<std::vector<NumaDomain>> numa_domains_of(const std::string& synthetic) {
  return read(&synthetic);
}

}  // namespace braid
