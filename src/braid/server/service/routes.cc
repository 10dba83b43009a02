#include "braid/server/service/routes.h"

#include <string>
#include <utility>

#include "braid/base/log_parts.h"
#include "braid/server/service/endpoints.h"
#include "braid/server/service/http_responses.h"
#include "braid/server/service/prepare.h"
#include "braid/server/service/status.h"
#include "braid/server/web/web_page.h"

namespace braid {

namespace {

// The web page asks its user for the key, so the page itself needs none.
bool needs_no_key(const http::Request& head) {
  return head.path == "/health" || is_web_page_path(head.path);
}

bool is_served_while_draining(const http::Request& head) {
  return head.path.starts_with("/health") || head.path == "/metrics" || head.path == "/abort_request";
}

// For OpenAI's endpoints that braid lacks.
http::Handler not_implemented(std::string message) {
  return [message = std::move(message)](const http::Request&, const std::shared_ptr<http::Responder>& responder) {
    responder->respond(error_response({.status = 501, .message = message, .code = "not_implemented"}));
  };
}

// Adapters for answers that need only the model, or the model and the body.
ApiService::Answer of_model(http::Response (*answer)(const ServedModel& model)) {
  return [answer](const ServedModel& model, const http::Request&) { return answer(model); };
}
ApiService::Answer of_body(http::Response (*answer)(const ServedModel& model, std::string_view body)) {
  return [answer](const ServedModel& model, const http::Request& request) { return answer(model, request.body); };
}

}  // namespace

void add_api_routes(ApiService& service, http::Router& router) {
  // OpenAI's API.
  router.add("POST", "/v1/chat/completions", service.generate_handler(prepare_chat));
  router.add("POST", "/v1/completions", service.generate_handler(prepare_completion));
  router.add("GET", "/v1/models", service.quick_handler(of_model(list_models)));
  router.add("GET", "/v1/models/{id...}",
             service.quick_handler([](const ServedModel& model, const http::Request& request) {
               return show_model(model, request.parameter("id").value_or(""));
             }));
  router.add("POST", "/v1/embeddings", not_implemented("embeddings are not supported: this server generates text"));
  router.add("POST", "/v1/responses",
             not_implemented("the responses API is not supported: use POST /v1/chat/completions"));
  router.add("POST", "/v1/messages",
             not_implemented("the messages API is not supported: use POST /v1/chat/completions"));

  // Requests in the journal.
  router.add("GET", "/v1/streams/{rid...}", service.stream_handler());

  // SGLang's API.
  router.add("POST", "/generate", service.generate_handler(prepare_generate));
  router.add("POST", "/tokenize", service.worker_handler(of_body(tokenize)));
  router.add("POST", "/detokenize", service.worker_handler(of_body(detokenize)));
  router.add("POST", "/flush_cache", service.worker_handler(of_model(flush_cache)));
  router.add("POST", "/pause_generation", service.worker_handler(of_model(pause_generation)));
  router.add("POST", "/continue_generation", service.worker_handler(of_model(continue_generation)));
  router.add("POST", "/check_weights", service.worker_handler(of_model(check_weights)));
  router.add("POST", "/start_profile", service.worker_handler(of_model(start_profile)));
  router.add("POST", "/stop_profile", service.worker_handler(of_model(stop_profile)));
  router.add("GET", "/get_model_info", service.worker_handler(of_model(model_info)));
  router.add("GET", "/get_server_info",
             service.worker_handler([&service](const ServedModel& model, const http::Request&) {
               return server_info(model, service.settings());
             }));
  router.add("POST", "/abort_request", service.abort_handler());
  router.add("POST", "/configure_logging", service.logging_handler());
  router.add("GET", "/health_generate", service.health_generate_handler());

  // Operation.
  router.add("GET", "/health", service.quick_handler(of_model(health)));
  router.add("GET", "/v1/status", service.quick_handler([&service](const ServedModel& model, const http::Request&) {
    return server_status(model, service.settings(), service.standby(), service.uptime_s());
  }));
  router.add("GET", "/metrics", service.metrics_handler());
}

Result<std::unique_ptr<http::HttpServer>> start_server(ApiService& service, http::ServerOptions options,
                                                       const std::shared_ptr<Logger>& logger) {
  const auto router = std::make_shared<http::Router>(options.format_error);
  add_api_routes(service, *router);
  add_web_page_routes(*router);
  options.guard.is_free = needs_no_key;
  options.is_served_while_draining = is_served_while_draining;
  options.check_head = [router](const http::Request& head) { return router->check(head); };
  const auto handle = [router](http::Request request, std::shared_ptr<http::Responder> responder) {
    router->handle(std::move(request), std::move(responder));
  };
  return http::HttpServer::start(std::move(options), handle, log_of(LogPart::kServer, logger));
}

}  // namespace braid
