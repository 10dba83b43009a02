// A page lies in the NUMA domain of the thread that touches it first. So threads that run in a domain touch the memory
// for that domain's ranks before it is filled.
#pragma once

#include <sched.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/thread_team.h"
#include "braid/parallel/rank_placement.h"

namespace braid {

// Memory that nothing has written yet, and the domain it should lie in; -1: anywhere.
struct UntouchedMemory {
  int32_t domain = -1;
  std::span<std::byte> bytes;
};

class FirstTouch {
 public:
  // `places`: of the ranks. While this object lives, the team's threads are bound to the ranks' domains, evenly
  // distributed. With fewer threads than domains, each thread visits several. If no rank is bound, nothing happens. The
  // team must outlive it.
  static Result<std::unique_ptr<FirstTouch>> make(ThreadTeam& team, std::span<const RankCpus> places);
  ~FirstTouch();

  // The bytes stay zero, but now lie in their domain.
  void touch(std::span<const UntouchedMemory> memory);

 private:
  FirstTouch(ThreadTeam& team, std::vector<RankCpus> domains);
  Status bind(int thread, size_t domain);

  ThreadTeam& team_;
  const std::vector<RankCpus> domains_;  // unique, with the CPUs of all their ranks
  std::vector<size_t> bound_to_;         // by thread: an index into domains_
  cpu_set_t before_{};                   // the affinity of all threads before
};

}  // namespace braid
