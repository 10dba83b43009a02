// The engine's thread: takes submissions, runs the scheduler's steps one after another, and turns their tokens into
// deltas. A thin driver round state machines that know no threads: RequestQueue, Scheduler, ChoiceText.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "braid/base/log.h"
#include "braid/control/choice_grammar.h"
#include "braid/control/choice_text.h"
#include "braid/control/engine.h"
#include "braid/control/mask_worker.h"
#include "braid/control/rate_meter.h"
#include "braid/control/step_log.h"
#include "braid/engine/rank.h"
#include "braid/scheduler/request_queue.h"
#include "braid/scheduler/scheduler.h"

namespace braid {

class EngineLoop {
 public:
  EngineLoop(Rank& rank, const Tokenizer& tokenizer, const EngineOptions& options, std::shared_ptr<Logger> logger);
  ~EngineLoop();

  // From any thread. The request is checked, its prompt is ids, its stop tokens are complete.
  std::variant<SubmissionId, Refusal> submit(GenerationRequest request, DeltaCallback on_delta);
  int64_t flush_cache();
  void abort(SubmissionId id);
  void wait(SubmissionId id);
  EngineStats stats() const;

 private:
  struct Submission {
    SubmissionId id = 0;
    GenerationRequest request;
    DeltaCallback on_delta;
    double submitted_s = 0;
    std::vector<RequestId> open_choices;
  };
  struct Choice {
    std::shared_ptr<Submission> submission;
    int32_t index = 0;
    ChoiceText text;
    std::optional<double> queue_s;  // once admitted
    Usage usage;
    std::optional<ChoiceGrammar> grammar;
  };
  struct AbortCommand {
    SubmissionId id = 0;
  };
  struct FlushCommand {
    std::promise<int64_t> num_tokens;
  };
  using Command = std::variant<std::shared_ptr<Submission>, AbortCommand, FlushCommand>;

  void thread_main();
  void run_until_stopped();
  std::vector<Command> take_inbox();
  void carry_out(Command command);
  void abort_choices(SubmissionId id);
  void open(const std::shared_ptr<Submission>& submission);
  void step(const StepPlan& plan);
  StepResult execute(const StepPlan& plan);
  void take_outcome(RequestOutcome outcome);
  static void obey_grammar(Choice& choice, RequestOutcome& outcome);
  void end_choice(RequestId id, Delta delta);
  void end_all(FinishReason reason, const std::string& error);
  void publish();

  Rank& rank_;
  const Tokenizer& tokenizer_;
  const int64_t max_queued_;
  const std::shared_ptr<Logger> logger_;

  // The engine thread's own.
  MaskWorker mask_worker_;
  RequestQueue queue_;
  Scheduler scheduler_;
  std::unordered_map<RequestId, Choice> choices_;
  std::map<SubmissionId, std::shared_ptr<Submission>> submissions_;
  std::vector<SubmissionId> ended_;  // since the last publish()
  RequestId next_request_ = 1;
  uint64_t num_steps_ = 0;
  uint64_t num_output_tokens_ = 0;
  double step_seconds_ = 0;
  std::optional<StepLog> step_log_;
  int64_t num_taken_choices_ = 0;  // from the inbox since the last publish()

  // Shared.
  mutable std::mutex mutex_;
  std::condition_variable work_arrived_;
  std::condition_variable submission_ended_;
  std::vector<Command> inbox_;
  int64_t num_new_choices_ = 0;  // that stats_ does not count yet
  std::set<SubmissionId> open_submissions_;
  SubmissionId next_submission_ = 1;
  EngineStats stats_;
  RateMeter output_rate_;
  bool is_stopping_ = false;
  std::string fatal_error_;  // not empty: the thread has ended, and every request ends with it

  std::thread thread_;
};

}  // namespace braid
