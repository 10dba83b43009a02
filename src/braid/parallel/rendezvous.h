// Where the ranks of a set meet: each leaves its call and a pointer to its data, and sees the others' once all are
// there. Tested by communicator_test.cc.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "braid/parallel/event_count.h"
#include "braid/parallel/world_state.h"

namespace braid {

struct RankArrival {
  OpRecord call;
  int32_t phase = 0;  // an operation may meet several times
  const void* data = nullptr;
  const int64_t* counts = nullptr;
};

class Rendezvous {
 public:
  Rendezvous(WorldState& state, int32_t first_world_rank, int32_t size);

  // Each rank calls arrive(), then wait() for that arrival. It may change what its arrival points to after its next
  // rendezvous, which tells it that all have read.
  Status arrive(int32_t rank, const RankArrival& arrival);
  Status wait(int32_t rank);  // an error for all ranks if the arrivals differ
  Status meet(int32_t rank, const RankArrival& arrival);

  // meet(); after it the rank may read what the others' arrivals point to, until its next arrival or leave().
  Status meet_and_read(int32_t rank, const RankArrival& arrival);

  // The rank ends an operation. Once the world has failed, no rendezvous tells it when all have read. So it waits here
  // for ranks that still read; these never wait themselves.
  void leave(int32_t rank);

  // Valid after wait(), until the rank's next but one arrival.
  const RankArrival& of(int32_t rank, int32_t member) const;

 private:
  struct alignas(64) Place {
    RankArrival arrival;
  };
  struct alignas(64) Turn {
    std::atomic<uint32_t> num_arrivals{0};  // of this rank; written only by its own thread
    std::atomic<bool> is_reading{false};
  };

  bool help_missing_ranks(uint32_t wanted);
  template <typename Condition>
  void wait_briefly(uint32_t wanted, Condition is_over);

  const std::vector<Place>& bank(uint32_t number) const { return banks_[number % 2]; }

  WorldState& state_;
  const int32_t first_world_rank_;
  const int32_t size_;
  // Two, because a rank can be one rendezvous ahead of ranks that still read the last one, but never two.
  std::array<std::vector<Place>, 2> banks_;
  std::vector<Turn> turns_;
  std::atomic<uint32_t> num_arrived_{0};  // in the rendezvous under way
  std::atomic<uint32_t> num_complete_{0};
  EventCount arrivals_;
};

}  // namespace braid
