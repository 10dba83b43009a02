// The ranks of one process: threads that share memory. Operations meet at rendezvous where each rank leaves what it is
// about to do and where its data lies; the others read it there, so nothing is copied but into the caller's own
// buffers.
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
