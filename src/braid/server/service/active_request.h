// One request on its way through the engine: submits it, turns its deltas into its answer on a thread of the server's,
// and ends it when it is done, fails, takes too long, is aborted, or its client has left.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "braid/server/http/handler.h"
#include "braid/server/metrics/request_tracker.h"
#include "braid/server/metrics/server_metrics.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/prepare.h"
#include "braid/server/service/request_log.h"
#include "braid/server/service/task_queue.h"

namespace braid {

// What generations share; all of it outlives them.
struct GenerationContext {
  Engine& engine;
  InFlight& in_flight;
  TaskQueue& output;   // one thread, on which deltas become events
  TaskQueue& workers;  // for whole answers, which may be long
  metrics::ServerMetrics& metrics;
  const RequestLog& log;
};

class Generation : public std::enable_shared_from_this<Generation> {
 public:
  // Submits the plan and answers. `in_flight`: kept until everything of the request has ended.
  static void start(GenerationPlan plan, Arrival arrival, std::shared_ptr<http::Responder> responder,
                    const GenerationContext& context, InFlight::Token in_flight);
  ~Generation();

  // From any thread: what is not finished ends with FinishReason::kAbort, and so does the answer.
  void abort();
  void abort_prompt(size_t prompt);

 private:
  Generation(GenerationPlan& plan, Arrival arrival, std::shared_ptr<http::Responder> responder,
             const GenerationContext& context, InFlight::Token in_flight);
  std::optional<std::string> register_ids(const GenerationPlan& plan);
  bool register_id(const std::string& id, bool is_part, std::function<void(Generation&)> abort);
  void submit_all();
  void keep_submission(size_t prompt, SubmissionId id);
  void leave();

  // On the output thread.
  void begin();
  void take(size_t prompt, const Delta& delta, double now_s);
  void track(size_t prompt, const Delta& delta, double now_s);
  void answer(size_t prompt, const Delta& delta);
  void go_on();  // with what waits for the client to make room; or to the end
  void finish();
  void fail(const openai::ApiError& error);
  void end();

  const GenerationContext context_;
  const Arrival arrival_;
  const std::string id_;
  const bool is_stream_;
  const std::optional<double> timeout_s_;
  const InFlight::Token in_flight_;
  std::optional<TaskQueue::TimerId> timer_;
  std::vector<std::string> registered_ids_;

  struct Submission {
    std::optional<SubmissionId> id;  // once it is made
    bool is_aborted = false;
  };
  std::mutex mutex_;
  std::vector<Submission> submissions_;  // one a prompt

  // The output thread's own, once everything is submitted.
  enum class State { kSubmitting, kAnswering, kEnded };
  struct Early {
    size_t prompt = 0;
    Delta delta;
  };
  State state_ = State::kSubmitting;
  std::vector<Early> early_;                       // deltas that came before everything was submitted
  int64_t num_open_ = 0;                           // choices
  std::vector<metrics::RequestTracker> trackers_;  // one a prompt
  bool awaits_room_ = false;
  size_t num_tracked_ = 0;  // prompts
  metrics::RequestRecord total_;
  std::string outcome_;  // the last choice's, or why the request failed
  std::vector<GenerationRequest> requests_;
  std::shared_ptr<openai::AnswerWriter> writer_;
  std::shared_ptr<http::Responder> responder_;
};

}  // namespace braid
