// The ranks of one process: threads that share memory. Operations meet at rendezvous where each rank leaves what it is
// about to do and where its data lies; the others read it there, so nothing is copied but into the caller's own
// buffers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "braid/parallel/communicator.h"
#include "braid/parallel/topology.h"

namespace braid {

struct WorldOptions {
  double timeout_s = 30.0;  // of one wait for the other ranks
};

class WorldState;

class LocalWorld {
 public:
  // One world of the layout: tp_size ranks in groups_per_world() groups.
  explicit LocalWorld(const ParallelLayout& layout, const WorldOptions& options = {});
  ~LocalWorld();

  // Each is for the one thread that is this rank, for as long as the LocalWorld lives.
  WorldCommunicator world(int32_t tp_rank) const;
  GroupCommunicator group(int32_t tp_rank) const;

  // From any thread: all waits, now and later, end with an error.
  void abort(std::string_view reason) const;
  bool has_failed() const;
  std::string failure() const;  // the error that every rank gets; empty: none yet

  // What each rank does now, and its last operations: the flight recorder, readable from any thread.
  std::string report() const;

 private:
  std::unique_ptr<WorldState> state_;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace braid
