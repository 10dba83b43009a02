// The options of an HttpServer.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "braid/server/http/guard.h"
#include "braid/server/http/handler.h"
#include "braid/server/http/http_error.h"
#include "braid/server/http/limits.h"

namespace braid::http {

struct ServerOptions {
  std::string host = "127.0.0.1";  // a name or an address; "::" accepts IPv4 too
  uint16_t port = 30000;           // 0: any free port
  std::string tls_certificate;     // PEM file with the chain, the server's own first; empty: plain HTTP
  std::string tls_key;             // PEM file
  int io_threads = 2;
  Limits limits;
  GuardOptions guard;
  ErrorFormatter format_error = plain_error;

  // The answer to a request that is decided by its head, before the body is read: Router::check. May be empty.
  std::function<std::optional<Response>(const Request& head)> check_head;
  // Requests that the handler still answers while draining (/health, /metrics); others get 503. May be empty.
  std::function<bool(const Request& head)> is_served_while_draining;
};

}  // namespace braid::http
