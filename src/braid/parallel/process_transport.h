// How the ranks of a process reach those of other processes: through their port (ProcessWorld). Tested by
// worker/rank_processes_test.cc and tests/e2e/test_rank_processes.py.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "braid/parallel/process_port.h"
#include "braid/parallel/rank_spread.h"
#include "braid/parallel/rank_transport.h"

namespace braid {

class HostMemory;

class ProcessTransport final : public RankTransport {
 public:
  // The processes have joined (process_join.h). `timeout_s`: for all of them to come to a gather(), such as after each
  // has read its weights. `memory`: for the ranks' world; null: its messages go through the port.
  ProcessTransport(std::shared_ptr<ProcessPort> port, RankSpread spread, double timeout_s,
                   std::shared_ptr<const HostMemory> memory = nullptr);

  bool shares_memory() const override { return false; }
  std::unique_ptr<ThreadWorld> make_world(const ParallelLayout& layout, const WorldOptions& options) const override;
  std::unique_ptr<ThreadWorld> make_process_world(int32_t num_groups, const WorldOptions& options) const override;
  bool can_make_another_world() const override { return false; }
  IndexRange own_ranks(const ParallelLayout& layout) const override;
  int32_t process() const override { return port()->process(); }
  int32_t process_of(int32_t rank) const override { return spread_.process_of(rank); }
  Result<std::vector<std::string>> gather(std::string_view own) const override;

 private:
  const std::shared_ptr<ProcessPort>& port() const { return ports_[0]; }  // of the ranks' world

  const std::array<std::shared_ptr<ProcessPort>, 2> ports_;
  const RankSpread spread_;
  const double timeout_s_;
  const std::shared_ptr<const HostMemory> memory_;
};

}  // namespace braid
