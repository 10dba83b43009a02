// Ranks that share no buffer: every operation copies its data through queues and counts the bytes that each rank
// receives. They are threads, for tests and for `braid bench exchange`: they do what ranks on several hosts do. Tested
// by communicator_test.cc.
#pragma once

#include <memory>

#include "braid/parallel/thread_world.h"

namespace braid {

class MessageWorld final : public ThreadWorld {
 public:
  explicit MessageWorld(const ParallelLayout& layout, const WorldOptions& options = {});
  ~MessageWorld() override;

 private:
  struct Queues;
  std::unique_ptr<Queues> queues_;
};

}  // namespace braid
