// One request on a connection, and the state of its answer. The server counts it while it exists. Only for
// connection.cc and connection_answer.cc.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "braid/server/http/connection.h"

namespace braid::http {

struct Connection::Exchange {
  explicit Exchange(ServerState& shared) : server(shared), parser(shared.options.limits) {}
  ~Exchange() {
    count_body(0);
    if (is_counted) {
      const std::lock_guard lock(server.mutex);
      --server.num_answers;
      server.answers_changed.notify_all();
    }
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // To be called when the head is complete or refused.
  void begin() {
    const Request& head = parser.request();
    method = head.method;
    path = head.path;
    cors = server.guard.cors_headers(head);
    client_keeps_alive = parser.has_head() && !parser.error() && parser.keep_alive();
    is_http_1_0 = parser.is_http_1_0();
    const std::lock_guard lock(server.mutex);
    ++server.num_answers;
    is_counted = true;
  }

  // Counts this request's part of the server's limit for bodies.
  void count_body(uint64_t bytes) {
    *server.body_bytes += bytes - body_bytes;
    body_bytes = bytes;
  }

  // From now on the body counts until nobody has the result.
  std::shared_ptr<void> hold_body() {
    return {nullptr, [total = server.body_bytes, bytes = std::exchange(body_bytes, 0)](void*) { *total -= bytes; }};
  }

  ServerState& server;
  RequestParser parser;
  const Clock::time_point started = Clock::now();
  std::string method;
  std::string path;
  std::vector<Header> cors;
  bool client_keeps_alive = false;
  bool is_http_1_0 = false;
  bool is_counted = false;
  uint64_t body_bytes = 0;

  int status = 0;                 // 0: no head was sent yet
  bool keeps_connection = false;  // as the head says
  bool sends_body = true;         // not for HEAD, not with 204 or 304
  BodyFraming framing = BodyFraming::kLength;
  uint64_t num_body_bytes = 0;
  bool is_event_stream = false;
  bool is_between_events = false;  // so a comment may be sent
  bool has_sent_event = false;
};

}  // namespace braid::http
