// The state that all ranks of a world in this process share: the first failure, which every rank gets, the flight
// recorder, and what to wake when the world ends. Tested by communicator_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "braid/base/helped_thread.h"
#include "braid/base/patience.h"
#include "braid/parallel/flight_recorder.h"
#include "braid/parallel/topology.h"

namespace braid {

class WorldState {
 public:
  WorldState(const ParallelLayout& layout, double timeout_s, bool ranks_share_cpus = false);

  int32_t num_ranks() const { return num_ranks_; }
  int32_t group_size() const { return group_size_; }
  double timeout_s() const { return timeout_s_; }
  bool ranks_share_cpus() const { return ranks_share_cpus_; }
  FlightRecorder& recorder() { return recorder_; }
  HelpedThread& thread(int32_t rank) { return threads_[static_cast<size_t>(rank)]; }
  int64_t& step(int32_t rank) { return steps_[static_cast<size_t>(rank)].value; }  // used only by the rank's thread

  // What all ranks have done so far: a rank waits for another as long as somebody gets on.
  void watch(std::function<Progress()> progress);
  Progress progress() const;

  // Called before any rank runs. `wake` may be called at once, if the world has ended in another process already.
  void on_failure(std::function<void()> wake);

  // Before any rank runs, for a world of several processes: agree(reason) returns what to say of the end, after it has
  // told the other processes. It is called once, and all that call end() meanwhile wait for it.
  void agree_on_end(std::function<std::string(const std::string& reason)> agree) { agree_ = std::move(agree); }

  // Only the first reason counts. Returns the error that all ranks get.
  Error end(const std::string& reason);
  bool has_failed() const { return has_failed_.load(); }
  Error failure() const;
  std::string report() const;

 private:
  struct alignas(64) RankStep {
    int64_t value = 0;
  };

  const int32_t num_ranks_;
  const int32_t group_size_;
  const double timeout_s_;
  const bool ranks_share_cpus_;
  FlightRecorder recorder_;
  std::vector<RankStep> steps_;
  std::vector<HelpedThread> threads_;  // of the ranks
  std::vector<std::function<void()>> wakers_;
  mutable std::mutex progress_mutex_;  // of the function: a world of several processes looks before its ranks run
  std::function<Progress()> progress_;
  std::function<std::string(const std::string& reason)> agree_;
  mutable std::mutex mutex_;
  std::string failure_;
  std::atomic<bool> has_failed_{false};
};

// Records one operation of one rank, from call to return, in the flight recorder.
class RecordedOp {
 public:
  RecordedOp(WorldState& state, int32_t world_rank, const OpRecord& record);
  ~RecordedOp();
  RecordedOp(const RecordedOp&) = delete;
  RecordedOp& operator=(const RecordedOp&) = delete;

 private:
  WorldState& state_;
  int32_t world_rank_;
  uint64_t number_;
};

}  // namespace braid
