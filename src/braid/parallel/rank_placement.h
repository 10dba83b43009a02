// Which CPUs each rank computes on. A rank that stays in one NUMA domain has there the memory that it touched first:
// its share of the weights and its KV cache.
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
  std::vector<int32_t> map;  // [ranks] the domains, by the system's numbers
  bool operator==(const NumaChoice&) const = default;
};

// "auto", "off" or "0,0,1,1".
Result<NumaChoice> parse_numa_choice(std::string_view text);

struct RankCpus {
  int32_t domain = -1;        // the domain whose memory to use, by the system's number; -1: the system decides
  std::vector<int32_t> cpus;  // empty: any
  bool operator==(const RankCpus&) const = default;
};

// Each rank's place. kAuto assigns ranks to the domains in order and in proportion to their CPUs, so that neighbours (a
// DP group) share a domain; kOff binds no rank. Within a domain the ranks split its CPUs, or share all of them if there
// are fewer CPUs than ranks. With a single domain, kAuto leaves memory to the system and binds ranks only if there are
// several and each can have a CPU of its own: ranks that wake together on one CPU would take turns there for some
// milliseconds. Errors: a map of the wrong length, or with a domain that does not exist.
Result<std::vector<RankCpus>> place_ranks(std::span<const NumaDomain> domains, int32_t num_ranks,
                                          const NumaChoice& choice);

// The default number of a rank's compute threads: its CPUs, but at most its even share of the CPUs that the process may
// use (`usable_cpus`, which takes a container's quota into account).
int32_t default_threads(const RankCpus& place, int32_t num_ranks, int32_t usable_cpus);

// Binds the calling thread, and the threads it starts from now on, to these CPUs. Does nothing if the rank is not
// bound.
Status bind_this_thread(const RankCpus& place);

// "rank 0: domain 0, CPUs 0-3" or "rank 0: CPUs 0-3" for each bound rank; empty if no rank is bound.
// `first_rank`: the number of the first of these ranks.
std::string describe_placement(std::span<const RankCpus> places, int32_t first_rank = 0);

}  // namespace braid
