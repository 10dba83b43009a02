// Ranks that share no buffer: every operation copies its data through queues and counts what each rank receives.
// Threads all the same, for tests and for `braid bench exchange`; what ranks on several hosts do, without the hosts.
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
