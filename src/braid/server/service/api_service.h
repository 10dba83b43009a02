// The server's API over the engine, without sockets: requests in, answers and streams out. It answers from the start,
// with 503 until there is a model. Which path leads to which of its handlers is in routes.h. Tested by
// api_service_test.cc (answers) and api_service_life_test.cc (requests that wait, fail or are aborted).
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "braid/base/clock.h"
#include "braid/base/log.h"
#include "braid/journal/journal.h"
#include "braid/server/http/handler.h"
#include "braid/server/metrics/server_metrics.h"
#include "braid/server/service/active_request.h"
#include "braid/server/service/delta_backlog.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/journaled_streams.h"
#include "braid/server/service/prepare.h"
#include "braid/server/service/request_log.h"
#include "braid/server/service/served_model.h"
#include "braid/server/service/status.h"
#include "braid/server/service/task_queue.h"

namespace braid {

struct ServiceOptions {
  ServedModelOptions model;
  Json settings = Json::object();      // shown by /get_server_info
  double request_timeout_s = 0;        // the timeout of requests that set none, and the longest allowed; 0: no limit
  double health_timeout_s = 20;        // /health_generate
  int num_workers = 2;                 // threads that parse, render, tokenize and format
  int64_t max_unread_requests = 1024;  // that wait for such a thread; more: 503
  size_t max_unwritten_bytes = 64U << 20;  // of tokens that wait to be written; more: DeltaBacklog
  std::string metrics_prefix = "braid";
  bool log_requests = false;
  std::shared_ptr<Journal> journal = {};                // null: no request survives this process
  int64_t journal_max_image_bytes = int64_t{32} << 20;  // of one request; with more it does not survive
  int32_t standby_node = 0;                             // that has a copy of it; 0: none
};

class ApiService {
 public:
  ApiService(ServiceOptions options, std::shared_ptr<Logger> logger);
  // Ends all running requests. No handler may be called any more.
  ~ApiService();

  // The model is loaded: from now on it is served. Requests that an earlier process left in the journal go on. Call it
  // once.
  void set_engine(std::unique_ptr<Engine> engine);

  // From now on no request is accepted; running ones are finished.
  void start_draining();
  // False: a request was still running after this time.
  bool wait_until_idle(std::chrono::steady_clock::duration time) const { return in_flight_.wait_until_none(time); }
  // Ranks of a lost replica may be stuck for ever, and whoever joins them too.
  bool has_lost_replica() const { return model_ != nullptr && !model_.load()->engine->stats().lost_groups.empty(); }
  // Running requests end with "abort".
  void abort_all() { in_flight_.abort_all(); }

  // Handlers for the routes; valid for the life of this. Those that need the model answer 503 until it is loaded, and
  // while draining.
  using Answer = std::function<http::Response(const ServedModel& model, const http::Request& request)>;
  http::Handler generate_handler(Prepare prepare);  // a completion, a chat, …
  http::Handler quick_handler(Answer answer);       // answers on the transport's thread
  http::Handler worker_handler(Answer answer);      // answers on a worker thread: for answers that take their time
  http::Handler health_generate_handler();
  http::Handler stream_handler();   // the rest of a stream that is in the journal
  http::Handler abort_handler();    // also while draining, to end requests that take long
  http::Handler logging_handler();  // always answers, like the next one
  http::Handler metrics_handler();  // always answers

  const Json& settings() const { return options_.settings; }
  // How the node that stands by is getting on; absent: none does.
  std::optional<StandbyStatus> standby() const;
  double uptime_s() const { return monotonic_seconds() - started_s_; }

 private:
  using Work =
      std::function<void(http::Request request, std::shared_ptr<http::Responder> responder, InFlight::Token in_flight)>;
  // Has a worker thread do it, or refuses it at once. Not if the client has left by then.
  void pass_to_worker(http::Request request, std::shared_ptr<http::Responder> responder, Work work);
  // On a worker thread.
  void start_request(http::Request request, Arrival arrival, std::shared_ptr<http::Responder> responder,
                     Prepare prepare, InFlight::Token in_flight);
  PrepareResult prepare_request(const ServedModel& model, const http::Request& request, Prepare prepare,
                                const std::string& unique, FetchedImages& fetched);
  bool is_journaled(const openai::PreparedRequest& request) const;
  bool fits_journal(const openai::PreparedRequest& request) const;
  ActiveRequestContext context(const ServedModel& model);
  void go_on_with_found(const ServedModel& model);
  Result<void, openai::ApiError> go_on_with(const ServedModel& model, JournalEntry entry);
  void refuse(const Arrival& arrival, http::Responder& responder, const openai::ApiError& error) const;
  Result<void, openai::ApiError> check_ready() const;
  std::string unique_id();

  const ServiceOptions options_;
  const double started_s_ = monotonic_seconds();
  std::unique_ptr<ServedModel> owned_model_;
  std::atomic<const ServedModel*> model_ = nullptr;
  std::atomic<bool> is_draining_ = false;
  std::mutex random_mutex_;
  std::mt19937_64 random_;
  metrics::ServerMetrics metrics_;
  const std::shared_ptr<Logger> logger_;
  RequestLog log_;
  InFlight in_flight_;
  DeltaBacklog backlog_;
  JournaledStreams streams_;
  std::atomic<int64_t> num_unread_ = 0;  // requests that wait for a worker
  TaskQueue workers_;                    // last: their tasks use all other members
  TaskQueue output_;
};

}  // namespace braid
