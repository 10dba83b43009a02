// The server's API over the engine, free of sockets: requests in, answers and streams out. It answers from the start:
// with 503 while there is no model yet.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include "braid/base/log.h"
#include "braid/server/http/handler.h"
#include "braid/server/http/router.h"
#include "braid/server/service/active_request.h"
#include "braid/server/service/in_flight.h"
#include "braid/server/service/prepare.h"
#include "braid/server/service/task_queue.h"

namespace braid {

struct ServiceOptions {
  ModelFacts model;                // its name is that by which clients name it
  Json settings = Json::object();  // shown by /get_server_info
  double request_timeout_s = 0;    // of requests that set none, and the most that they may set; 0: no limit
  double health_timeout_s = 20;    // /health_generate
  int num_workers = 2;             // threads that parse, render, tokenize and format
  std::string metrics_prefix = "braid";
  bool log_requests = false;
};

class ApiService {
 public:
  ApiService(ServiceOptions options, std::shared_ptr<Logger> logger);
  // Ends what runs. No handler may be called any more.
  ~ApiService();

  // The handlers stay valid as long as this.
  void add_routes(http::Router& router);

  // The model is there: from now on it is served. Once.
  void set_engine(std::unique_ptr<Engine> engine);

  // From now on no request is taken; what runs is finished.
  void start_draining();
  // False: something was not finished in this time.
  bool wait_until_idle(std::chrono::steady_clock::duration time) const { return in_flight_.wait_until_none(time); }
  // What runs ends with "abort".
  void abort_all() { in_flight_.abort_all(); }

 private:
  using Plan = PlanResult (*)(const ServedModel& model, std::string_view body, const std::string& unique);
  using Answer = http::Response (ApiService::*)(const ServedModel& model, const http::Request& request) const;

  void generate(http::Request request, std::shared_ptr<http::Responder> responder, Plan plan);
  // `dp_rank`: the header of that name.
  void start_generation(const std::string& body, const std::optional<std::string>& dp_rank, Arrival arrival,
                        std::shared_ptr<http::Responder> responder, Plan plan, InFlight::Token in_flight);
  void refuse(const Arrival& arrival, http::Responder& responder, const openai::ApiError& error) const;
  http::Handler when_ready(Answer answer);
  http::Handler on_worker(std::function<http::Response(const ServedModel& model, const std::string& body)> answer);
  void add_native_routes(http::Router& router);
  http::Response models(const ServedModel& model, const http::Request& request) const;
  http::Response one_model(const ServedModel& model, const http::Request& request) const;
  http::Response health(const ServedModel& model, const http::Request& request) const;
  std::optional<openai::ApiError> not_ready() const;
  std::string unique_id();

  const ServiceOptions options_;
  std::unique_ptr<ServedModel> owned_model_;
  std::atomic<const ServedModel*> model_ = nullptr;
  std::atomic<bool> is_draining_ = false;
  std::mutex random_mutex_;
  std::mt19937_64 random_;
  metrics::ServerMetrics metrics_;
  const RequestLog log_;
  InFlight in_flight_;
  TaskQueue workers_;  // these last: what runs in them uses the rest
  TaskQueue output_;
};

}  // namespace braid
