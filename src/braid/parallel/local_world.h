// The ranks of one process: threads that share memory. In each operation the ranks meet at a rendezvous, where each
// leaves its call and a pointer to its data. The others read the data in place, so data is copied only into the
// caller's own buffers. Tested by communicator_test.cc.
#pragma once

#include <memory>

#include "braid/parallel/thread_world.h"

namespace braid {

class LocalWorld final : public ThreadWorld {
 public:
  explicit LocalWorld(const ParallelLayout& layout, const WorldOptions& options = {});
  ~LocalWorld() override;

 private:
  struct Meetings;
  std::unique_ptr<Meetings> meetings_;
};

}  // namespace braid
