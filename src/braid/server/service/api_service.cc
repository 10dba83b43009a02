#include "braid/server/service/api_service.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "braid/base/clock.h"
#include "braid/base/log_parts.h"
#include "braid/server/service/active_request.h"
#include "braid/server/service/endpoints.h"
#include "braid/server/service/health_check.h"
#include "braid/server/service/http_responses.h"

namespace braid {

using openai::ApiError;

namespace {

Arrival arrival_of(const http::Request& request) {
  return {.path = request.path, .client = request.client, .time_s = monotonic_seconds()};
}

}  // namespace

ApiService::ApiService(ServiceOptions options, std::shared_ptr<Logger> logger)
    : options_(std::move(options)),
      random_(std::random_device{}()),
      metrics_(options_.metrics_prefix, options_.model.name),
      logger_(std::move(logger)),
      log_(log_of(LogPart::kServer, logger_), options_.log_requests),
      backlog_(options_.max_unwritten_bytes),
      workers_(std::max(1, options_.num_workers), ThreadRole::kWorker, log_of(LogPart::kServer, logger_)),
      output_(1, ThreadRole::kOutput, log_of(LogPart::kServer, logger_)) {}

ApiService::~ApiService() {
  is_draining_ = true;
  do {
    in_flight_.abort_all();  // repeatedly: a worker may be about to submit
  } while (!in_flight_.wait_until_none(std::chrono::milliseconds(50)));
}

void ApiService::set_engine(std::unique_ptr<Engine> engine) {
  owned_model_ = make_served_model(std::move(engine), options_.model);
  model_ = owned_model_.get();
}

void ApiService::start_draining() {
  is_draining_ = true;
}

http::Handler ApiService::generate_handler(Prepare prepare) {
  return [this, prepare](http::Request request, std::shared_ptr<http::Responder> responder) {
    Arrival arrival = arrival_of(request);
    pass_to_worker(std::move(request), std::move(responder),
                   [this, prepare, arrival = std::move(arrival)](
                       http::Request taken, std::shared_ptr<http::Responder> answer_to, InFlight::Token in_flight) {
                     start_request(std::move(taken), arrival, std::move(answer_to), prepare, std::move(in_flight));
                   });
  };
}

http::Handler ApiService::quick_handler(Answer answer) {
  return [this, answer = std::move(answer)](const http::Request& request,
                                            const std::shared_ptr<http::Responder>& responder) {
    const auto ready = check_ready();
    responder->respond(ready.ok() ? answer(*model_.load(), request) : error_response(ready.error()));
  };
}

http::Handler ApiService::worker_handler(Answer answer) {
  return [this, answer = std::move(answer)](http::Request request, std::shared_ptr<http::Responder> responder) {
    pass_to_worker(std::move(request), std::move(responder),
                   [this, answer](const http::Request& taken, const std::shared_ptr<http::Responder>& answer_to,
                                  const InFlight::Token&) { answer_to->respond(answer(*model_.load(), taken)); });
  };
}

http::Handler ApiService::health_generate_handler() {
  return [this](const http::Request&, std::shared_ptr<http::Responder> responder) {
    InFlight::Token in_flight = in_flight_.enter();
    if (const auto ready = check_ready(); !ready.ok()) return responder->respond(error_response(ready.error()));
    check_health(*model_.load(), workers_, output_, options_.health_timeout_s, std::move(responder),
                 std::move(in_flight));
  };
}

http::Handler ApiService::abort_handler() {
  return [this](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
    responder->respond(abort_request(in_flight_, request.body));
  };
}

http::Handler ApiService::logging_handler() {
  return [this](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
    responder->respond(configure_logging(*logger_, log_, request.body));
  };
}

http::Handler ApiService::metrics_handler() {
  return [this](const http::Request&, const std::shared_ptr<http::Responder>& responder) {
    const ServedModel* model = model_.load();
    responder->respond({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                        .headers = {},
                        .body = metrics_.render(model != nullptr ? model->engine->stats() : EngineStats{},
                                                cpu_seconds_by_role(), num_dropped_log_lines(*logger_))});
  };
}

Result<void, ApiError> ApiService::check_ready() const {
  if (is_draining_) {
    return ApiError{.status = 503, .message = "the server is ending", .type = "server_error", .code = "draining"};
  }
  if (model_.load() == nullptr) {
    return ApiError{
        .status = 503, .message = "the model is being loaded", .type = "server_error", .code = "model_loading"};
  }
  return {};
}

// Register before checking is_draining_, so a concurrent drain waits for this request.
void ApiService::pass_to_worker(http::Request request, std::shared_ptr<http::Responder> responder, Work work) {
  InFlight::Token in_flight = in_flight_.enter();
  if (const auto ready = check_ready(); !ready.ok()) return refuse(arrival_of(request), *responder, ready.error());
  if (++num_unread_ > options_.max_unread_requests) {
    --num_unread_;
    return refuse(arrival_of(request), *responder,
                  {.status = 503,
                   .message = fmt::format("{} requests wait to be read already, as many as the server allows",
                                          options_.max_unread_requests),
                   .type = "server_error",
                   .code = "overloaded"});
  }
  workers_.post([this, request = std::make_shared<http::Request>(std::move(request)), work = std::move(work),
                 responder = std::move(responder), in_flight = std::move(in_flight)] {
    --num_unread_;
    if (!responder->is_gone()) return work(std::move(*request), responder, in_flight);
    log_.left(arrival_of(*request));
  });
}

void ApiService::start_request(http::Request request, Arrival arrival, std::shared_ptr<http::Responder> responder,
                               Prepare prepare, InFlight::Token in_flight) {
  const ServedModel& model = *model_.load();
  PrepareResult prepared = prepare_request(model, request, prepare);
  request = {};  // its body need not wait for the submission
  if (!prepared.ok()) return refuse(arrival, *responder, prepared.error());
  log_.accepted(arrival, *prepared);
  ActiveRequest::start(*std::move(prepared), std::move(arrival), std::move(responder),
                       {.engine = *model.engine,
                        .in_flight = in_flight_,
                        .output = output_,
                        .workers = workers_,
                        .backlog = backlog_,
                        .metrics = metrics_,
                        .log = log_},
                       std::move(in_flight));
}

PrepareResult ApiService::prepare_request(const ServedModel& model, const http::Request& request, Prepare prepare) {
  TRY(openai::PreparedRequest prepared, prepare(model, request.body, unique_id()));
  if (const auto dp_rank = request.header("X-data-parallel-rank")) {
    TRY_STATUS(apply_dp_rank_header(*dp_rank, model, prepared));
  }
  TRY_STATUS(check_prepared(*model.engine, prepared));
  if (options_.request_timeout_s > 0) {
    prepared.timeout_s = std::min(prepared.timeout_s.value_or(options_.request_timeout_s), options_.request_timeout_s);
  }
  return prepared;
}

void ApiService::refuse(const Arrival& arrival, http::Responder& responder, const ApiError& error) const {
  log_.refused(arrival, error);
  responder.respond(error_response(error));
}

// 128 random bits as hexadecimal digits.
std::string ApiService::unique_id() {
  const std::lock_guard lock(random_mutex_);
  const uint64_t high = random_();
  return fmt::format("{:016x}{:016x}", high, random_());
}

}  // namespace braid
