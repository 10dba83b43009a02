// The last operations of each rank, for the report when a world ends: where each rank is, and which rank it waits for.
// Tested by flight_recorder_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "braid/base/step_trace.h"
#include "braid/parallel/transport.h"

namespace braid {

struct OpRecord {
  int64_t step = 0;
  int32_t op = 0;
  OpKind kind = OpKind::kBarrier;
  bool is_group = false;  // among the rank's group; otherwise among the world
  int64_t bytes = 0;
  int32_t peer = -1;  // the other rank of kSend and kRecv, or the root of a broadcast
  double entered_s = 0;
  double left_s = -1;  // below 0: not finished

  bool is_same_call(const OpRecord& other) const {
    return step == other.step && op == other.op && kind == other.kind && bytes == other.bytes && peer == other.peer;
  }
};

// "world all_gather (step 3, op 5, 1024 bytes)"
std::string describe(const OpRecord& record);

// What is known of one rank: its last operations, oldest first, or why nothing is known.
struct RankTrack {
  std::vector<OpRecord> records;
  std::string unknown;  // "is in process 1, which does not answer"; empty: the records are all
};

// One line for each rank: where it is, which ranks it waits for, and what it did before.
std::string report_of(const std::vector<RankTrack>& ranks, int32_t group_size, double now_s);

class FlightRecorder {
 public:
  static constexpr int32_t kKept = 64;  // operations of each rank

  FlightRecorder(int32_t num_ranks, int32_t group_size);

  // Called by the rank's own thread. enter() returns a number that names the operation for leave().
  uint64_t enter(int32_t rank, const OpRecord& record);
  void leave(int32_t rank, uint64_t number, double now_s);

  // Before any rank runs: every operation that ends becomes a span of `trace`, which outlives this object's use. Rank r
  // is first_rank + r there.
  void trace_to(StepTrace& trace, int32_t first_rank);

  // From any thread.
  std::string report(double now_s) const;          // report_of() all ranks
  std::vector<OpRecord> last(int32_t rank) const;  // oldest first

 private:
  struct Track {
    mutable std::mutex mutex;
    std::array<OpRecord, kKept> ring;
    uint64_t num_entered = 0;
  };

  int32_t group_size_;
  StepTrace* trace_ = nullptr;
  int32_t first_traced_rank_ = 0;
  std::vector<std::unique_ptr<Track>> tracks_;
};

}  // namespace braid
