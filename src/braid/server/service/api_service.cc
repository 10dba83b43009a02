#include "braid/server/service/api_service.h"

#include <algorithm>
#include <utility>

#include "braid/base/clock.h"
#include "braid/server/service/endpoints.h"
#include "braid/server/service/health_check.h"
#include "braid/server/service/http_responses.h"

namespace braid {

namespace {

using openai::ApiError;

Json model_entry(const ServedModel& model) {
  return {{"id", model.name},    {"object", "model"},  {"created", model.created_s},
          {"owned_by", "braid"}, {"root", model.path}, {"max_model_len", model.engine->stats().context_len}};
}

// What OpenAI has and braid has not.
http::Handler not_implemented(std::string message) {
  return [message = std::move(message)](const http::Request&, const std::shared_ptr<http::Responder>& responder) {
    responder->respond(error_response({.status = 501, .message = message, .code = "not_implemented"}));
  };
}

}  // namespace

ApiService::ApiService(ServiceOptions options, std::shared_ptr<Logger> logger)
    : options_(std::move(options)),
      random_(std::random_device{}()),
      metrics_(options_.metrics_prefix, options_.model.name),
      log_(options_.log_requests ? logger : nullptr),
      workers_(std::max(1, options_.num_workers), ThreadRole::kWorker, logger),
      output_(1, ThreadRole::kOutput, logger) {}

ApiService::~ApiService() {
  is_draining_ = true;
  do {
    in_flight_.abort_all();  // again and again: a worker may be about to submit
  } while (!in_flight_.wait_until_none(std::chrono::milliseconds(50)));
}

void ApiService::add_routes(http::Router& router) {
  const auto generates = [this](Plan plan) {
    return [this, plan](http::Request request, std::shared_ptr<http::Responder> responder) {
      generate(std::move(request), std::move(responder), plan);
    };
  };
  router.add("POST", "/v1/chat/completions", generates(plan_chat));
  router.add("POST", "/v1/completions", generates(plan_completion));
  router.add("GET", "/v1/models", when_ready(&ApiService::models));
  router.add("GET", "/v1/models/{id...}", when_ready(&ApiService::one_model));
  router.add("GET", "/health", when_ready(&ApiService::health));
  router.add("GET", "/health_generate", [this](const http::Request&, std::shared_ptr<http::Responder> responder) {
    InFlight::Token in_flight = in_flight_.enter();
    if (const auto error = not_ready()) return responder->respond(error_response(*error));
    check_health(*model_.load(), output_, options_.health_timeout_s, std::move(responder), std::move(in_flight));
  });
  router.add("GET", "/metrics", [this](const http::Request&, const std::shared_ptr<http::Responder>& responder) {
    const ServedModel* model = model_.load();
    responder->respond(
        {.content_type = "text/plain; version=0.0.4; charset=utf-8",
         .headers = {},
         .body = metrics_.render(model != nullptr ? model->engine->stats() : EngineStats{}, cpu_seconds_by_role())});
  });
  add_native_routes(router);
  router.add("POST", "/v1/embeddings", not_implemented("embeddings are not supported: this server generates text"));
  router.add("POST", "/v1/responses",
             not_implemented("the responses API is not supported: use POST /v1/chat/completions"));
  router.add("POST", "/v1/messages",
             not_implemented("the messages API is not supported: use POST /v1/chat/completions"));
}

void ApiService::add_native_routes(http::Router& router) {
  router.add("POST", "/generate", [this](http::Request request, std::shared_ptr<http::Responder> responder) {
    generate(std::move(request), std::move(responder), plan_generate);
  });
  router.add("POST", "/tokenize", on_worker(tokenize));
  router.add("POST", "/detokenize", on_worker(detokenize));
  const auto info = [this](const ServedModel& model, const std::string&) {
    return server_info(model, options_.settings);
  };
  const auto flush = [](const ServedModel& model, const std::string&) { return flush_cache(model); };
  router.add("POST", "/flush_cache", on_worker(flush));
  router.add("POST", "/start_profile",
             on_worker([](const ServedModel& model, const std::string&) { return start_profile(model); }));
  router.add("POST", "/stop_profile",
             on_worker([](const ServedModel& model, const std::string&) { return stop_profile(model); }));
  router.add("GET", "/get_server_info", on_worker(info));
  router.add("GET", "/get_model_info",
             on_worker([](const ServedModel& model, const std::string&) { return model_info(model); }));
  // Also while draining: it is how to make an end of what takes long.
  router.add("POST", "/abort_request",
             [this](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
               responder->respond(abort_request(in_flight_, request.body));
             });
}

void ApiService::set_engine(std::unique_ptr<Engine> engine) {
  owned_model_ = make_served_model(std::move(engine), options_.model);
  model_ = owned_model_.get();
}

void ApiService::start_draining() {
  is_draining_ = true;
}

std::optional<ApiError> ApiService::not_ready() const {
  if (is_draining_) {
    return ApiError{.status = 503, .message = "the server is ending", .type = "server_error", .code = "draining"};
  }
  if (model_.load() == nullptr) {
    return ApiError{
        .status = 503, .message = "the model is being loaded", .type = "server_error", .code = "model_loading"};
  }
  return std::nullopt;
}

// Counted before it is looked whether the server drains: who waits for the end has then seen either.
void ApiService::generate(http::Request request, std::shared_ptr<http::Responder> responder, Plan plan) {
  InFlight::Token in_flight = in_flight_.enter();
  Arrival arrival{.path = std::move(request.path), .client = std::move(request.client), .time_s = monotonic_seconds()};
  std::optional<std::string> dp_rank;
  if (const auto value = request.header("X-data-parallel-rank")) dp_rank = std::string(*value);
  if (const auto error = not_ready()) return refuse(arrival, *responder, *error);
  workers_.post([this, plan, body = std::make_shared<std::string>(std::move(request.body)), dp_rank, arrival,
                 responder = std::move(responder), in_flight = std::move(in_flight)] {
    start_generation(*body, dp_rank, arrival, responder, plan, in_flight);
  });
}

void ApiService::start_generation(const std::string& body, const std::optional<std::string>& dp_rank, Arrival arrival,
                                  std::shared_ptr<http::Responder> responder, Plan plan, InFlight::Token in_flight) {
  const ServedModel& model = *model_.load();
  PlanResult planned = plan(model, body, unique_id());
  if (const auto* error = std::get_if<ApiError>(&planned)) return refuse(arrival, *responder, *error);
  auto& generation = std::get<GenerationPlan>(planned);
  if (dp_rank) {
    if (const auto error = apply_dp_rank_header(*dp_rank, model, generation)) {
      return refuse(arrival, *responder, *error);
    }
  }
  if (options_.request_timeout_s > 0) {
    generation.timeout_s =
        std::min(generation.timeout_s.value_or(options_.request_timeout_s), options_.request_timeout_s);
  }
  log_.accepted(arrival, generation);
  Generation::start(std::move(generation), std::move(arrival), std::move(responder),
                    {.engine = *model.engine,
                     .in_flight = in_flight_,
                     .output = output_,
                     .workers = workers_,
                     .metrics = metrics_,
                     .log = log_},
                    std::move(in_flight));
}

void ApiService::refuse(const Arrival& arrival, http::Responder& responder, const ApiError& error) const {
  log_.refused(arrival, error);
  responder.respond(error_response(error));
}

http::Handler ApiService::on_worker(
    std::function<http::Response(const ServedModel& model, const std::string& body)> answer) {
  return [this, answer = std::move(answer)](http::Request request, std::shared_ptr<http::Responder> responder) {
    InFlight::Token in_flight = in_flight_.enter();
    if (const auto error = not_ready()) return responder->respond(error_response(*error));
    workers_.post([this, answer, body = std::make_shared<std::string>(std::move(request.body)),
                   responder = std::move(responder),
                   in_flight = std::move(in_flight)] { responder->respond(answer(*model_.load(), *body)); });
  };
}

http::Handler ApiService::when_ready(Answer answer) {
  return [this, answer](const http::Request& request, const std::shared_ptr<http::Responder>& responder) {
    const auto error = not_ready();
    responder->respond(error ? error_response(*error) : (this->*answer)(*model_.load(), request));
  };
}

http::Response ApiService::models(const ServedModel& model, const http::Request&) const {
  return json_response({{"object", "list"}, {"data", Json::array({model_entry(model)})}});
}

http::Response ApiService::one_model(const ServedModel& model, const http::Request& request) const {
  if (const auto error = check_model_name(model, request.parameter("id").value_or(""))) return error_response(*error);
  return json_response(model_entry(model));
}

http::Response ApiService::health(const ServedModel& model, const http::Request&) const {
  const EngineStats stats = model.engine->stats();
  if (stats.failure.empty()) return json_response({{"status", "ok"}});
  return error_response({.status = 503, .message = stats.failure, .type = "server_error", .code = "engine_failed"});
}

// 128 bits at random, as hexadecimal digits.
std::string ApiService::unique_id() {
  const std::lock_guard lock(random_mutex_);
  const uint64_t high = random_();
  return fmt::format("{:016x}{:016x}", high, random_());
}

}  // namespace braid
