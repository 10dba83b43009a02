// HTTP/1.1 over TCP or TLS. A few threads serve all connections; an open stream costs none.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "braid/base/log.h"
#include "braid/base/result.h"
#include "braid/server/http/handler.h"
#include "braid/server/http/server_options.h"

namespace braid::http {

class HttpServer {
 public:
  // Listens and serves. Errors: the address cannot be used, the TLS files are invalid. Raises the soft limit of open
  // files to fit; where that fails, it logs a warning and serves fewer connections.
  static Result<std::unique_ptr<HttpServer>> start(ServerOptions options, Handler handler,
                                                   std::shared_ptr<Logger> logger);
  ~HttpServer();  // stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;    // the one it listens on
  std::string url() const;  // "http://127.0.0.1:30000", "https://[::1]:30000"

  // From now on new requests get 503, except those that options.is_served_while_draining names. Connections are still
  // accepted, and closed after their answer. Idle ones are closed now.
  void begin_drain();
  // Waits until all answers are complete, the time is up, or stop(). Returns whether all are complete.
  bool wait_drained(std::chrono::milliseconds timeout);

  // Closes everything at once; unfinished answers get their on_gone. No handler runs after it returns. May be called
  // more than once, from any thread but the server's own, also while another thread waits in wait_drained().
  void stop();

  size_t num_connections() const;
  size_t num_answers() const;  // requests being answered

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace braid::http
