// A world of several processes in one: each has its ProcessWorld, over ports of memory. To a test it looks like one
// world with all ranks.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "braid/parallel/host_memory.h"
#include "braid/parallel/process_world.h"
#include "tests/support/parallel/memory_port.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid::testing {

class SimulatedProcesses {
 public:
  // Two processes, the second with a third of the ranks; a single rank is alone.
  explicit SimulatedProcesses(const ParallelLayout& layout, const WorldOptions& options = {})
      : SimulatedProcesses(layout, two_to_one(layout.tp_size), options) {}
  // `bytes_per_s`: of each process's link; 0: messages take no time. With `is_one_host` they share memory.
  SimulatedProcesses(const ParallelLayout& layout, const std::vector<int32_t>& ranks_of_each,
                     const WorldOptions& options, double bytes_per_s = 0, bool is_one_host = false)
      : spread_(ranks_of_each), ports_(memory_ports(spread_.num_processes(), bytes_per_s)) {
    worlds_.resize(ports_.size());
    std::vector<std::shared_ptr<const HostMemory>> memories(ports_.size());
    if (is_one_host) {
      on_each_rank(spread_.num_processes(), [&](int32_t process) {
        auto memory = HostMemory::meet(port(process), spread_, layout.attn_tp_size(), 60);
        if (memory.ok()) memories[static_cast<size_t>(process)] = *memory;
      });
    }
    for (size_t i = 0; i < ports_.size(); ++i) {
      worlds_[i] = std::make_unique<ProcessWorld>(layout, spread_, ports_[i], options, memories[i]);
    }
  }
  ~SimulatedProcesses() {
    on_each_rank(spread_.num_processes(), [&](int32_t process) {
      if (!of_process(process).has_failed()) static_cast<void>(of_process(process).leave());
    });
  }
  SimulatedProcesses(const SimulatedProcesses&) = delete;
  SimulatedProcesses& operator=(const SimulatedProcesses&) = delete;

  ProcessWorld& of_process(int32_t process) const { return *worlds_[static_cast<size_t>(process)]; }
  MemoryPort& port(int32_t process) const { return *ports_[static_cast<size_t>(process)]; }

  IndexRange own_ranks() const { return {.begin = 0, .end = spread_.num_ranks()}; }
  WorldCommunicator world(int32_t rank) const { return of_process(spread_.process_of(rank)).world(rank); }
  GroupCommunicator group(int32_t rank) const { return of_process(spread_.process_of(rank)).group(rank); }
  void abort(std::string_view reason) const { worlds_.back()->abort(reason); }
  bool has_failed() const {
    return std::ranges::any_of(worlds_, [](const auto& world) { return world->has_failed(); });
  }
  std::string failure() const { return worlds_.front()->failure(); }

 private:
  static std::vector<int32_t> two_to_one(int32_t num_ranks) {
    if (num_ranks == 1) return {1};
    const int32_t in_second = std::max(num_ranks / 3, 1);
    return {num_ranks - in_second, in_second};
  }

  const RankSpread spread_;
  std::vector<std::shared_ptr<MemoryPort>> ports_;
  std::vector<std::unique_ptr<ProcessWorld>> worlds_;
};

// A process for each rank, all of one host.
class SimulatedHost : public SimulatedProcesses {
 public:
  explicit SimulatedHost(const ParallelLayout& layout, const WorldOptions& options = {})
      : SimulatedProcesses(layout, std::vector<int32_t>(static_cast<size_t>(layout.tp_size), 1), options, 0, true) {}
};

}  // namespace braid::testing
