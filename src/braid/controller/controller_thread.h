// The controller's thread: passes the controller what callers submit and what the groups report, and sends the groups
// their commands as assignment maps over links. It sleeps while nothing happens. It reaches the groups only through
// wire/, and the ranks run on threads of their own.
//
// Tested by controller_thread_test.cc and, on real ranks, by api/engine_test.cc and api/engine_failure_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/controller/controller.h"
#include "braid/controller/engine_stats.h"
#include "braid/controller/mask_worker.h"
#include "braid/controller/progress_watch.h"
#include "braid/controller/rank_watch.h"
#include "braid/controller/rate_meter.h"
#include "braid/controller/world_restarts.h"
#include "braid/request/submit_error.h"
#include "braid/wire/group_host.h"
#include "braid/wire/group_listener.h"
#include "braid/wire/transport/dispatch.h"
#include "braid/wire/transport/link.h"

namespace braid {

struct ControllerOptions {
  SchedulePolicy schedule_policy = SchedulePolicy::kFcfs;
  LoadBalanceMethod load_balance_method = LoadBalanceMethod::kRoundRobin;  // not kAuto
  DispatchMode dispatch_mode = DispatchMode::kBroadcast;
  std::optional<RebalanceOptions> kv_rebalance = {};
  std::optional<ShareOptions> share_prefixes = {};
  bool log_steps = false;
  int64_t max_queued_requests = std::numeric_limits<int64_t>::max();
  // A world that has work and does not get on for so long is lost (ProgressWatch).
  double world_timeout_s = 30;
  double rank_window_s = 5;  // over which a rank is compared with the others (RankWatch)
  // How often a world may start again within ten minutes (WorldRestarts). 0: a world that fails is lost.
  int32_t max_restarts = 0;
  // Called once when no world is left, on the controller's thread, after every request has ended with the error.
  std::function<void(const std::string& reason)> on_failure = {};
};

// The groups that a controller is in front of.
struct ControlledGroups {
  std::vector<GroupLoad> loads;  // of each group, at the start
  int32_t groups_per_world = 1;
  int64_t context_len = 0;    // the most tokens of one request
  int64_t num_kv_tokens = 0;  // capacity of all KV pools together
};

class ControllerThread final : public GroupListener {
 public:
  // The tokenizer outlives it. The groups' publishers are at the other end of `link`.
  ControllerThread(ControllerOptions options, ControlledGroups groups, const Tokenizer& tokenizer,
                   std::shared_ptr<Logger> logger, std::unique_ptr<ControllerLink> link);
  ~ControllerThread() override;

  // Starts the thread. `groups` outlives it.
  void start(GroupHost& groups);
  // Ends every request with FinishReason::kAbort and joins the thread. From then on outputs are dropped.
  void stop();

  // The masks of grammars, for the sampler of every group.
  MaskWorker& masks() { return mask_worker_; }

  // From any thread. The request is checked, its prompt is ids, its stop tokens are complete.
  Result<SubmissionId, SubmitError> submit(GenerationRequest request, DeltaCallback on_delta);
  int64_t flush_cache();
  // Returns when no group begins a step any more, or when they begin steps again.
  void pause(bool is_paused);
  void abort(SubmissionId id);
  void wait(SubmissionId id);
  EngineStats stats() const;
  ClusterStatus cluster() const;  // once started

  void on_outputs(int32_t group, GroupOutputs outputs) override;
  void on_failure(int32_t group, const std::string& reason, int32_t num_restarts) override;
  void on_planned_end(int32_t group, const std::string& reason, int32_t num_restarts) override;
  void on_restart(WorldRestart restart) override;

 private:
  struct AbortEvent {
    SubmissionId id = 0;
  };
  struct FlushEvent {
    std::shared_ptr<std::promise<int64_t>> num_tokens;
  };
  struct PauseEvent {
    bool is_paused = false;
    std::shared_ptr<std::promise<void>> done;
  };
  struct OutputsEvent {
    int32_t group = 0;
    GroupOutputs outputs;
  };
  struct WorldFailure {
    int32_t world = 0;
    std::string report;
    int32_t num_starts = 0;   // of the world, before it failed
    bool is_planned = false;  // it was ended to start again elsewhere
  };
  using Event = std::variant<std::shared_ptr<Submission>, AbortEvent, FlushEvent, PauseEvent, OutputsEvent>;

  void thread_main();
  std::string run_until_stopped();
  void end_everything(const std::string& error);
  template <typename Part>
  bool attempt(const Part& part);
  bool has_news() const { return is_stopping_ || !inbox_.empty() || !new_failures_.empty() || !new_restarts_.empty(); }
  void wait_for_news(std::unique_lock<std::mutex>& lock);
  void take_inbox();
  void carry_out(Event& event);
  void end(const Event& event, FinishReason reason, const std::string& error);
  void abort_unheard();
  void forget_taken();
  Status look_after_worlds(std::vector<WorldRestart> restarts);
  Status hear_links();
  Status take_restart(const WorldRestart& restart);
  Status take_failures();
  Status find_stuck_worlds();
  void find_slow_ranks(double now_s);
  void start_due_worlds();
  Status lose_world(int32_t world, const std::string& report, bool is_planned = false);
  Status give_world_up(int32_t world, const std::string& report);
  void log_loss(int32_t world, const std::string& report) const;
  std::string name_of(int32_t world) const;
  std::vector<EngineStats::LostGroup> lost_groups() const;
  void log_moves();
  void answer_pauses();
  Status send_commands();
  void publish();

  const int64_t max_queued_;
  const int32_t groups_per_world_;
  const int64_t context_len_;
  const int32_t max_restarts_;
  const std::vector<GroupLoad> first_loads_;  // of the groups when they start
  const std::shared_ptr<Logger> logger_;
  const std::function<void(const std::string&)> told_failure_;

  MaskWorker mask_worker_;

  // The controller thread's own.
  Controller controller_;
  const std::unique_ptr<ControllerLink> link_;
  const DispatchMode dispatch_mode_;
  Dispatcher dispatcher_;
  GroupHost* groups_ = nullptr;  // asked by any thread once started
  ProgressWatch watch_;
  double next_look_s_ = 0;
  bool has_work_ = false;  // some group has, since the last look
  WorldRestarts worlds_;
  std::vector<int32_t> num_starts_;                          // of each world, beyond the first
  int64_t num_kv_tokens_ = 0;                                // of all groups
  std::vector<WorldFailure> failures_;                       // not yet dealt with
  std::deque<Event> batch_;                                  // taken from the inbox; the first is being carried out
  int64_t num_taken_choices_ = 0;                            // from the inbox since the last publish()
  std::vector<std::shared_ptr<std::promise<void>>> pauses_;  // not yet answered

  // Shared.
  mutable std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable outputs_taken_;
  std::condition_variable submission_ended_;
  std::vector<Event> inbox_;
  int32_t num_waiting_outputs_ = 0;  // in the inbox
  int64_t num_new_choices_ = 0;      // not yet counted in stats_
  std::set<SubmissionId> open_submissions_;
  SubmissionId next_submission_ = 1;
  EngineStats stats_;
  RateMeter output_rate_;
  bool is_stopping_ = false;
  bool takes_outputs_ = true;
  std::vector<bool> is_lost_;  // by group: its outputs are dropped
  std::vector<WorldFailure> new_failures_;
  std::vector<WorldRestart> new_restarts_;
  std::string fatal_error_;  // not empty: every request ends with it
  RankWatch rank_watch_;

  std::thread thread_;
};

}  // namespace braid
