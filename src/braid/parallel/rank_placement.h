// Which CPUs each rank computes on. Ranks that stay in one NUMA domain find there what they touched first: their share
// of the weights and their KV cache.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/numa_topology.h"

namespace braid {

// --numa auto, off, or a domain for each rank.
struct NumaChoice {
  enum class Mode : uint8_t { kAuto, kOff, kMap };
  Mode mode = Mode::kAuto;
  std::vector<int32_t> map;  // [ranks] the system's numbers of domains
  bool operator==(const NumaChoice&) const = default;
};

// "auto", "off" or "0,0,1,1".
Result<NumaChoice> parse_numa_choice(std::string_view text);

struct RankCpus {
  int32_t domain = -1;        // whose memory is to be used: the system's number; -1: wherever the system likes
  std::vector<int32_t> cpus;  // empty: any
  bool operator==(const RankCpus&) const = default;
};

// Each rank's place. kAuto deals ranks to the domains in order, in proportion to their CPUs, so that neighbours (a DP
// group) share one; kOff binds none. Within a domain the ranks split its CPUs, and share them all where there are fewer
// CPUs than ranks. With a single domain kAuto leaves its memory to the system, and binds ranks if there are several and
// each can have a CPU of its own: ranks that wake together on one CPU would take turns there for some milliseconds.
// Errors: a map of another length, or of a domain that is not there.
Result<std::vector<RankCpus>> place_ranks(std::span<const NumaDomain> domains, int32_t num_ranks,
                                          const NumaChoice& choice);

// Threads that a rank computes with where no number is given: its CPUs, but no more than its even share of what the
// process may use (`usable_cpus`, in which a container's quota counts).
int32_t default_threads(const RankCpus& place, int32_t num_ranks, int32_t usable_cpus);

// The calling thread, and those that it starts from now on, stay on these CPUs. Nothing for a rank that is bound to
// none.
Status bind_this_thread(const RankCpus& place);

// "rank 0: domain 0, CPUs 0-3" or "rank 0: CPUs 0-3" for each rank that is bound; empty if none is.
std::string describe_placement(std::span<const RankCpus> places);

}  // namespace braid
