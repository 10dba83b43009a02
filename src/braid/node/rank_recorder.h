// What a process with ranks does for a profile of its front: it records, sends parts when it is asked to, and says what
// its clock says. Tested by rank_recorder_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "braid/base/step_trace.h"
#include "braid/wire/process_message.h"

namespace braid {

class RankRecorder {
 public:
  // `tell` sends to the front, and may wait: it is called on a thread of this object alone.
  explicit RankRecorder(std::function<void(const ProcessMessage&)> tell);
  ~RankRecorder();  // after the answer that is under way
  RankRecorder(const RankRecorder&) = delete;
  RankRecorder& operator=(const RankRecorder&) = delete;

  // Before the first question. The trace outlives this object's use.
  void record(StepTrace& trace);

  // The front's messages, from its link's thread. None waits.
  void take(const ProfileStart& start);
  void take(const ProfileWanted& wanted);
  void take(const ClockQuestion& question);

 private:
  void answer_all();
  // With mutex_.
  ProfilePart next_part(const ProfileWanted& wanted);
  size_t first_unsent_rank() const;  // their number: none
  void keep_recorded(bool is_last);

  const std::function<void(const ProcessMessage&)> tell_;

  std::mutex mutex_;
  std::condition_variable asked_;
  StepTrace* trace_ = nullptr;
  uint64_t id_ = 0;                           // of the profile
  std::vector<std::vector<TraceSpan>> kept_;  // [ranks] taken from the trace, and not sent yet
  std::vector<size_t> num_sent_;              // [ranks] of those
  std::deque<ProcessMessage> inbox_;          // questions, and answers that only need to be sent
  bool is_stopping_ = false;
  std::thread thread_;
};

}  // namespace braid
