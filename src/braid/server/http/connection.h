// One client's connection: reads requests one after another and sends answers, within the limits. One coroutine serves
// it. It waits on one timer, and every event (bytes received, bytes sent, the handler wrote) cuts that wait short.
// Tested by server_test.cc, server_drain_test.cc, server_limits_test.cc, server_stream_test.cc and server_tls_test.cc.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>

#include "braid/base/log.h"
#include "braid/server/http/answer.h"
#include "braid/server/http/guard.h"
#include "braid/server/http/request_parser.h"
#include "braid/server/http/response_head.h"
#include "braid/server/http/server_options.h"
#include "braid/server/http/transport.h"

namespace braid::http {

// What a server's connections share.
struct ServerState {
  ServerState(ServerOptions server_options, Handler request_handler, std::shared_ptr<Logger> log)
      : guard(std::move(server_options.guard)),
        options(std::move(server_options)),
        handler(std::move(request_handler)),
        logger(std::move(log)) {}

  const Guard guard;
  const ServerOptions options;  // without `guard`
  const Handler handler;
  const std::shared_ptr<Logger> logger;

  std::atomic<bool> is_draining{false};
  std::atomic<bool> is_stopping{false};
  std::atomic<size_t> num_connections{0};
  // Of requests that are being read, and of those that their handlers still hold, maybe longer than the server lives.
  const std::shared_ptr<std::atomic<uint64_t>> body_bytes = std::make_shared<std::atomic<uint64_t>>(0);

  // Requests with a complete head and an answer not completely sent.
  std::mutex mutex;
  std::condition_variable answers_changed;
  size_t num_answers = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Set = std::unordered_set<Connection*>;  // the connections of one thread

  Connection(tcp::socket socket, asio::ssl::context* tls, std::string client, ServerState& server, Set& connections);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // All on the connection's thread.
  void start();
  void start_refusal();  // for a connection beyond the limit: answers 503 and closes
  void wake();           // something changed; the coroutine must look
  void abort();          // ends at once

 private:
  using Clock = std::chrono::steady_clock;
  struct Exchange;

  // connection.cc: the connection's life, bytes, requests.
  void spawn(asio::awaitable<void> coroutine);
  asio::awaitable<void> serve();
  asio::awaitable<void> refuse();
  asio::awaitable<bool> shake_hands();
  asio::awaitable<bool> serve_request();  // false: it was the last one
  asio::awaitable<bool> await_first_byte();
  asio::awaitable<bool> read_head(Exchange& exchange);  // false: it was answered here, or the client is gone
  asio::awaitable<bool> read_body(Exchange& exchange);  // the same
  std::optional<Response> early_response(const Exchange& exchange) const;  // an answer that needs no body
  asio::awaitable<void> close_gently();
  asio::awaitable<void> sleep_until(Clock::time_point deadline);  // or until wake()

  void read_more();
  void send(std::string bytes);
  void send_rest();
  asio::awaitable<void> flush();
  bool is_sending() const { return !outgoing_.empty(); }
  bool is_stuck() const;  // the client takes nothing of what is being sent
  size_t max_input() const;
  Response error_response(HttpError error) const;

  // connection_answer.cc: answers.
  asio::awaitable<void> handle(Exchange& exchange);
  asio::awaitable<void> answer_with(Exchange& exchange, Response response);
  // Returns why the client was disconnected; nullptr: the answer is complete.
  asio::awaitable<const char*> send_answer(Exchange& exchange, Answer& answer);
  // How long a stream's buffer has been full without the client taking as many bytes as it holds.
  struct FullBuffer {
    Clock::time_point since = Clock::time_point::max();  // not full
    uint64_t num_taken_bytes = 0;                        // at `since`
  };
  const char* disconnect_reason(const Answer& answer, FullBuffer& full);
  std::string head_bytes(Exchange& exchange, const Response& response, bool is_stream, uint64_t content_length) const;
  std::string piece_bytes(Exchange& exchange, Answer::Piece piece) const;
  void log(const Exchange& exchange, const char* reason) const;

  asio::steady_timer timer_;
  Transport transport_;
  const std::string client_;
  ServerState& server_;
  Set& connections_;
  const Limits& limits_;

  bool is_woken_ = false;
  std::optional<error_code> tls_result_;  // of the handshake, then of the shutdown
  bool is_reading_ = false;
  bool has_input_ended_ = false;  // the client closed its side
  bool is_broken_ = false;        // the connection failed or was aborted
  bool is_first_request_ = true;
  bool must_linger_ = false;  // the client may still send bytes that are not read
  bool discards_input_ = false;
  size_t num_discarded_ = 0;
  std::array<char, 8192> read_buffer_;
  std::string input_;
  std::string outgoing_;
  size_t num_sent_ = 0;         // of outgoing_
  size_t num_sent_marked_ = 0;  // num_sent_ when sent_at_ was set
  Clock::time_point sent_at_;
};

}  // namespace braid::http
