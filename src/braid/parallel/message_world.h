// Ranks that share no buffer: every operation copies its data through queues and counts what each rank receives.
// Threads all the same, for tests and for `braid bench exchange`; what ranks on several hosts do, without the hosts.
#pragma once

#include <memory>
#include <string>

#include "braid/parallel/local_world.h"

namespace braid {

class MessageWorld {
 public:
  explicit MessageWorld(const ParallelLayout& layout, const WorldOptions& options = {});
  ~MessageWorld();

  WorldCommunicator world(int32_t tp_rank) const;
  GroupCommunicator group(int32_t tp_rank) const;

  void abort(std::string_view reason) const;
  bool has_failed() const;
  std::string failure() const;
  std::string report() const;

 private:
  std::unique_ptr<WorldState> state_;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace braid
