// A world whose ranks are in several processes, of one host or many, which exchange messages through a port (MPI). This
// process has some of the ranks, as threads. Tested by communicator_test.cc, process_world_test.cc and
// tests/e2e/test_mpi.py.
#pragma once

#include <memory>

#include "braid/parallel/process_port.h"
#include "braid/parallel/rank_spread.h"
#include "braid/parallel/thread_world.h"

namespace braid {

class HostMemory;
class ProcessMail;

class ProcessWorld final : public ThreadWorld {
 public:
  // All processes of the port construct it once they have joined (process_join.h). A port has one world at a time.
  // `memory`: what it shares with others of its host, made for this world; null: all messages go through the port.
  ProcessWorld(const ParallelLayout& layout, const RankSpread& spread, std::shared_ptr<ProcessPort> port,
               const WorldOptions& options = {}, std::shared_ptr<const HostMemory> memory = nullptr);
  ~ProcessWorld() override;

  HandOver* hand_over() const override;

  // Afterwards the port is free. A world that is destroyed without it gives the port up.
  Status leave() override;

 private:
  std::unique_ptr<ProcessMail> mail_;
};

}  // namespace braid
