// How the ranks of one process reach the other ranks of their worlds. A process is given one before it loads anything,
// since the transport decides how the model is split. Tested by worker/rank_set_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/result.h"
#include "braid/parallel/thread_world.h"
#include "braid/parallel/topology.h"

namespace braid {

class RankTransport {
 public:
  virtual ~RankTransport() = default;

  virtual bool shares_memory() const = 0;
  // One world of the layout, whose head_parallel is head_parallel().
  virtual std::unique_ptr<ThreadWorld> make_world(const ParallelLayout& layout, const WorldOptions& options) const = 0;
  // A second world beside that of the ranks, of all processes that have ranks of it: each is one member, by its number,
  // and they are in `num_groups` equal groups. Null: there is one process.
  virtual std::unique_ptr<ThreadWorld> make_process_world(int32_t /*num_groups*/,
                                                          const WorldOptions& /*options*/) const {
    return nullptr;
  }
  // Whether there can be another world after one that has failed. If not, the process must end.
  virtual bool can_make_another_world() const { return true; }

  // The ranks of all worlds that this process has: all of them, or some of a single world.
  virtual IndexRange own_ranks(const ParallelLayout& layout) const { return {.begin = 0, .end = layout.num_ranks()}; }
  virtual int32_t process() const { return 0; }  // this one, of those that gather() asks
  virtual int32_t process_of(int32_t /*rank*/) const { return 0; }
  // A text of each process, for all of them (process_texts.h). Before there is a world; all processes call it at once.
  virtual Result<std::vector<std::string>> gather(std::string_view own) const {
    return std::vector<std::string>{std::string(own)};
  }

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
