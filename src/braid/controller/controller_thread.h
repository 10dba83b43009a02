// The controller's thread: brings the controller what callers submit and what the groups give, and sends the groups
// their commands, as maps over links to their publishers. It sleeps while nothing happens. The ranks run on threads of
// their own (worker/world.h).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "braid/api/engine.h"
#include "braid/base/log.h"
#include "braid/controller/controller.h"
#include "braid/controller/mask_worker.h"
#include "braid/controller/rate_meter.h"
#include "braid/wire/transport/dispatch.h"
#include "braid/wire/transport/in_process_link.h"
#include "braid/worker/rank_set.h"
#include "braid/worker/world.h"

namespace braid {

class ControllerThread {
 public:
  // The ranks outlive it.
  ControllerThread(RankSet& ranks, const Tokenizer& tokenizer, const EngineOptions& options,
                   std::shared_ptr<Logger> logger);
  ~ControllerThread();

  // From any thread. The request is checked, its prompt is ids, its stop tokens are complete.
  Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta);
  int64_t flush_cache();
  void abort(SubmissionId id);
  void wait(SubmissionId id);
  EngineStats stats() const;
  int32_t num_groups() const { return controller_.num_groups(); }

 private:
  struct AbortEvent {
    SubmissionId id = 0;
  };
  struct FlushEvent {
    std::shared_ptr<std::promise<int64_t>> num_tokens;
  };
  struct OutputsEvent {
    int32_t group = 0;
    GroupOutputs outputs;
  };
  using Event = std::variant<std::shared_ptr<Submission>, AbortEvent, FlushEvent, OutputsEvent>;

  void on_outputs(int32_t group, GroupOutputs outputs);
  // `reason`, and behind its first line what each rank did and waits for, if that is known.
  void on_failure(const std::string& reason);
  void thread_main();
  std::string run_until_stopped();
  std::vector<Event> take_inbox();
  void carry_out(Event event);
  void log_moves();
  World& world_of(int32_t group) { return *worlds_[static_cast<size_t>(group / groups_per_world_)]; }
  Status send_commands();
  void publish();

  const SchedulerConfig scheduler_config_;  // of each group
  const int32_t groups_per_world_;
  const int64_t max_queued_;
  const std::shared_ptr<Logger> logger_;

  const std::function<void(const std::string&)> told_failure_;

  MaskWorker mask_worker_;

  // The controller thread's own.
  Controller controller_;
  InProcessLinks links_;  // its end; the publishers' are with their worlds
  const DispatchMode dispatch_mode_;
  Dispatcher dispatcher_;
  int64_t num_taken_choices_ = 0;  // from the inbox since the last publish()

  // Shared.
  mutable std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable outputs_taken_;
  std::condition_variable submission_ended_;
  std::vector<Event> inbox_;
  int32_t num_waiting_outputs_ = 0;  // in the inbox
  int64_t num_new_choices_ = 0;      // that stats_ does not count yet
  std::set<SubmissionId> open_submissions_;
  SubmissionId next_submission_ = 1;
  EngineStats stats_;
  RateMeter output_rate_;
  bool is_stopping_ = false;
  bool takes_outputs_ = true;
  std::string world_failure_;  // not empty: the ranks have ended, for this reason
  std::string fatal_error_;    // not empty: every request ends with it

  std::thread thread_;
  std::vector<std::unique_ptr<World>> worlds_;  // last: their threads use all others
};

}  // namespace braid
