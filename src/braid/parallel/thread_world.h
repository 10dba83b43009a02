// A world whose ranks are threads of this process, whichever way they exchange data: what LocalWorld and MessageWorld
// have in common.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "braid/base/function_ref.h"
#include "braid/parallel/communicator.h"
#include "braid/parallel/topology.h"

namespace braid {

struct WorldOptions {
  double timeout_s = 30.0;  // of one wait for the other ranks
};

class MailboxGrid;
class WorldState;
struct SetPlace;

class ThreadWorld {
 public:
  virtual ~ThreadWorld();
  // Each is for the one thread that is this rank, for as long as the world lives.
  WorldCommunicator world(int32_t tp_rank) const;
  GroupCommunicator group(int32_t tp_rank) const;

  // From any thread: all waits, now and later, end with an error.
  void abort(std::string_view reason) const;
  bool has_failed() const;
  std::string failure() const;  // the error that every rank gets; empty: none yet

  // What each rank does now, and its last operations: the flight recorder, readable from any thread.
  std::string report() const;

 protected:
  // One world of the layout: tp_size ranks in groups_per_world() groups.
  ThreadWorld(const ParallelLayout& layout, const WorldOptions& options);

  // make(place, the mail between the ranks of its set): one transport a rank in the world, and one in its group.
  void add_ranks(const ParallelLayout& layout,
                 FunctionRef<std::unique_ptr<Transport>(const SetPlace& place, MailboxGrid& mail)> make);
  WorldState& state() const;

 private:
  struct Ranks;
  std::unique_ptr<Ranks> ranks_;
};

}  // namespace braid
