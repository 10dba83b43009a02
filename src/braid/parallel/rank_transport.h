// How the ranks of one process reach the other ranks of their worlds. A process is given one before it loads anything,
// since the transport decides how the model is split. Tested by worker/rank_set_test.cc.
#pragma once

#include <memory>

#include "braid/parallel/thread_world.h"
#include "braid/parallel/topology.h"

namespace braid {

class RankTransport {
 public:
  virtual ~RankTransport() = default;

  virtual bool shares_memory() const = 0;
  // One world of the layout, whose head_parallel is head_parallel().
  virtual std::unique_ptr<ThreadWorld> make_world(const ParallelLayout& layout, const WorldOptions& options) const = 0;

  // The head is split over all ranks of a world that share memory, where logits are written where their owner reads
  // them; otherwise over each DP group.
  HeadParallel head_parallel() const { return shares_memory() ? HeadParallel::kWorld : HeadParallel::kGroup; }
};

// Threads that share memory (LocalWorld).
class SharedMemoryTransport final : public RankTransport {
 public:
  bool shares_memory() const override { return true; }
  std::unique_ptr<ThreadWorld> make_world(const ParallelLayout& layout, const WorldOptions& options) const override;
};

// Threads that copy through queues (MessageWorld), as ranks of several hosts would.
class MessageTransport final : public RankTransport {
 public:
  bool shares_memory() const override { return false; }
  std::unique_ptr<ThreadWorld> make_world(const ParallelLayout& layout, const WorldOptions& options) const override;
};

}  // namespace braid
