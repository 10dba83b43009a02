// A world whose ranks are threads of this process: the common part of LocalWorld and MessageWorld. Tested by
// communicator_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "braid/base/function_ref.h"
#include "braid/base/patience.h"
#include "braid/parallel/communicator.h"
#include "braid/parallel/topology.h"

namespace braid {

struct WorldOptions {
  double timeout_s = 30.0;        // for one wait for other ranks of which none gets on
  bool ranks_share_cpus = false;  // there are more ranks than CPUs: one that waits yields to the next
};

class MailboxGrid;
class WorldState;
struct SetPlace;

class ThreadWorld {
 public:
  virtual ~ThreadWorld();

  // Used only by the thread of this rank; valid as long as the world lives.
  WorldCommunicator world(int32_t tp_rank) const;
  GroupCommunicator group(int32_t tp_rank) const;

  // Before any rank runs: what all ranks have done so far. While that changes, no wait is too long.
  void watch(std::function<Progress()> progress) const;

  // From any thread: ends all waits, now and later, with an error.
  void abort(std::string_view reason) const;
  bool has_failed() const;
  std::string failure() const;  // the error that every rank gets; empty: the world has not failed

  // From any thread: what each rank does now, and its last operations (the flight recorder).
  std::string report() const;

 protected:
  // One world of the layout: tp_size ranks in groups_per_world() groups.
  ThreadWorld(const ParallelLayout& layout, const WorldOptions& options);

  // Calls make(place, mail between the ranks of its set) twice for each rank: for its transport in the world and for
  // the one in its group.
  void add_ranks(const ParallelLayout& layout,
                 FunctionRef<std::unique_ptr<Transport>(const SetPlace& place, MailboxGrid& mail)> make);
  WorldState& state() const;

 private:
  struct Ranks;
  std::unique_ptr<Ranks> ranks_;
};

}  // namespace braid
