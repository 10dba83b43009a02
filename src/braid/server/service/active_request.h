// A request that runs. Submits its prompts, turns their deltas into the answer on one of the server's threads, and ends
// it when it is done, fails, times out, is aborted, or its client leaves. Tested by api_service_life_test.cc.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "braid/journal/journal.h"
#include "braid/server/http/handler.h"
#include "braid/server/metrics/request_tracker.h"
#include "braid/server/metrics/server_metrics.h"
#include "braid/server/service/delta_backlog.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/prepare.h"
#include "braid/server/service/request_log.h"
#include "braid/server/service/task_queue.h"

namespace braid {

// Shared by all active requests; it outlives them.
struct ActiveRequestContext {
  Engine& engine;
  InFlight& in_flight;
  TaskQueue& output;   // one thread; it turns deltas into events
  TaskQueue& workers;  // formats answers in one piece, which may be long
  DeltaBacklog& backlog;
  metrics::ServerMetrics& metrics;
  const RequestLog& log;
  Journal* journal;  // null: there is none
};

// How a request is kept in the journal.
struct JournaledRun {
  JournaledRequest request;
  bool is_known = false;              // to the journal, from an earlier process
  std::vector<Delta> delivered = {};  // by that process
  // Called once, on any thread: when the request is kept wherever it must be, or has ended at once.
  std::function<void()> when_safe = {};
};

class ActiveRequest : public std::enable_shared_from_this<ActiveRequest> {
 public:
  // Submits the request and answers it. `in_flight` is held until everything of the request has ended.
  static void start(openai::PreparedRequest prepared, Arrival arrival, std::shared_ptr<http::Responder> responder,
                    const ActiveRequestContext& context, InFlight::Token in_flight,
                    std::optional<JournaledRun> journaled = std::nullopt);
  ~ActiveRequest();

  // From any thread. Unfinished choices end with FinishReason::kAbort, and so does the answer.
  void abort();
  void abort_prompt(size_t prompt);

 private:
  ActiveRequest(openai::PreparedRequest prepared, Arrival arrival, std::shared_ptr<http::Responder> responder,
                const ActiveRequestContext& context, InFlight::Token in_flight, std::optional<JournaledRun> journaled);
  std::optional<std::string> register_ids();
  bool register_id(const std::string& id, bool is_part, std::function<void(ActiveRequest&)> abort);
  void submit_all();
  void keep_submission(size_t prompt, SubmissionId id);
  void pass_on(size_t prompt, const Delta& delta);  // on the engine's thread
  void leave();

  // On the output thread.
  void begin();
  void take(size_t prompt, const Delta& delta, double now_s);
  void write_down(const Delta& delta);
  void track(size_t prompt, const Delta& delta, double now_s);
  void answer(size_t prompt, const Delta& delta);
  void write_more();  // events that waited for room in the client's buffer; finishes the answer after the last
  void finish();
  void fail(const openai::ApiError& error);
  void end();

  const ActiveRequestContext context_;
  const Arrival arrival_;
  const InFlight::Token in_flight_;
  std::optional<TaskQueue::TimerId> timer_;
  std::vector<std::string> registered_ids_;

  struct PromptState {
    std::optional<SubmissionId> submission;  // once it is submitted
    bool is_aborted = false;
  };
  std::mutex mutex_;
  std::vector<PromptState> prompts_;  // by prompt

  DeltaBacklog::Part backlog_;
  bool has_overflowed_ = false;  // the engine's thread alone uses it

  openai::PreparedRequest request_;  // submit_all() moves the generations out, end() destroys the writer

  // Used on the output thread only, once everything is submitted.
  enum class State { kSubmitting, kAnswering, kEnded };
  struct Early {
    size_t prompt = 0;
    Delta delta;
  };
  State state_ = State::kSubmitting;
  std::vector<Early> early_;                       // deltas from before everything was submitted
  int64_t num_open_ = 0;                           // choices
  std::vector<metrics::RequestTracker> trackers_;  // by prompt
  bool awaits_room_ = false;
  size_t num_tracked_ = 0;  // prompts
  metrics::RequestRecord total_;
  std::string outcome_;  // the last choice's, or why the request failed
  std::shared_ptr<http::Responder> responder_;
  std::optional<JournaledRun> journaled_;  // if the request is in the journal
  int64_t num_deltas_ = 0;                 // in the journal
};

}  // namespace braid
