// A page lies in the NUMA domain of the thread that touches it first. What the ranks of a domain will read is therefore
// touched by threads that run there, before anybody fills it.
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

// Memory that nobody has written yet, and where it is to lie; -1: anywhere.
struct UntouchedMemory {
  int32_t domain = -1;
  std::span<std::byte> bytes;
};

class FirstTouch {
 public:
  // `places`: of the ranks. While it lives the team's threads are bound to their domains, dealt out evenly; with fewer
  // threads than domains each goes from one to the next. Where no rank is bound, nothing is. The team outlives it.
  static Result<std::unique_ptr<FirstTouch>> make(ThreadTeam& team, std::span<const RankCpus> places);
  ~FirstTouch();

  // Zeros, as it was, but in its domain.
  void touch(std::span<const UntouchedMemory> memory);

 private:
  FirstTouch(ThreadTeam& team, std::vector<RankCpus> domains);
  Status bind(int thread, size_t domain);

  ThreadTeam& team_;
  const std::vector<RankCpus> domains_;  // each once, with the CPUs of all its ranks
  std::vector<size_t> bound_to_;         // by thread, in domains_
  cpu_set_t before_{};                   // of all threads
};

}  // namespace braid
