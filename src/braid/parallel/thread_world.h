// The ranks of a world that are threads of this process: all of them in LocalWorld and MessageWorld, some in
// ProcessWorld. Tested by communicator_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "braid/base/function_ref.h"
#include "braid/base/index_range.h"
#include "braid/base/patience.h"
#include "braid/base/step_trace.h"
#include "braid/parallel/communicator.h"
#include "braid/parallel/hand_over.h"
#include "braid/parallel/topology.h"

namespace braid {

struct WorldOptions {
  double timeout_s = 30.0;        // for one wait for other ranks of which none gets on
  bool ranks_share_cpus = false;  // there are more ranks than CPUs: one that waits yields to the next
};

class WorldState;
struct SetPlace;

class ThreadWorld {
 public:
  virtual ~ThreadWorld();

  IndexRange own_ranks() const;  // of this process

  // Of one of these ranks. Used only by the thread of this rank; valid as long as the world lives.
  WorldCommunicator world(int32_t tp_rank) const;
  GroupCommunicator group(int32_t tp_rank) const;

  // Before any rank runs: what all ranks have done so far. While that changes, no wait is too long.
  void watch(std::function<Progress()> progress) const;

  // Before any rank runs: what to call on the world's end, from any thread, beside what the ranks' waits return.
  void on_end(std::function<void()> wake) const;

  // Before any rank runs: every operation of these ranks becomes a span of `trace`, while that is on. World rank r is
  // first_rank + r there. The trace outlives the world.
  void trace_operations(StepTrace& trace, int32_t first_rank) const;

  // From any thread: ends all waits, now and later, with an error.
  void abort(std::string_view reason) const;
  bool has_failed() const;
  std::string failure() const;  // the error that every rank gets; empty: the world has not failed

  // What the ranks hand over to those of other processes; null if there are none.
  virtual HandOver* hand_over() const { return nullptr; }

  // After the last operation of all own ranks. Where a world has several processes: waits until all of them have called
  // it, so that none loses a message, and returns the world's error if it ends meanwhile.
  virtual Status leave() { return {}; }

  // From any thread: what each rank does now, and its last operations (the flight recorder).
  std::string report() const;

 protected:
  // These ranks of one world of the layout, which has tp_size ranks in groups_per_world() groups.
  ThreadWorld(const ParallelLayout& layout, IndexRange own_ranks, const WorldOptions& options);

  // Calls make(place) twice for each of these ranks: for its transport in the world and for the one in its group.
  void add_ranks(const ParallelLayout& layout, FunctionRef<std::unique_ptr<Transport>(const SetPlace& place)> make);
  WorldState& state() const;

 private:
  struct Ranks;
  std::unique_ptr<Ranks> ranks_;
};

}  // namespace braid
