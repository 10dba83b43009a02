// How many CPUs' time the process's cgroups (v1 and v2) allow it: a container's or a service's limit. Whatever stands
// in the files that describe them, nothing but a limit or its absence comes out.
#pragma once

#include <optional>
#include <string>

namespace braid {

// CPU seconds that this process may use in a second: the least of its own cgroup and of all above it. Nothing without a
// limit. `root`: the folder with proc/self/cgroup, proc/self/mountinfo and the mounts that this names; "" for the
// system's.
std::optional<double> cgroup_cpu_quota(const std::string& root = "");

// The threads that suit a process of `num_cpus` CPUs and such a quota: at least 1, at most num_cpus. A share of a CPU
// counts as one. All of a step's threads then stand still for the rest of each period (0.1 s) once its time is used up.
int threads_for(int num_cpus, std::optional<double> quota);

}  // namespace braid
