// The life of a connection, and how it reads requests. connection_answer.cc sends the answers.
#include "braid/server/http/connection.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <new>
#include <utility>

#include "braid/server/http/ascii.h"
#include "braid/server/http/exchange.h"

namespace braid::http {
namespace {

constexpr size_t kFairPiece = 4096;           // a client that takes less than this in a write timeout is stuck
constexpr size_t kMaxDiscarded = 256U << 20;  // bytes read and dropped from a client that was refused
constexpr size_t kMaxIdleBuffer = 64U << 10;  // capacity that a connection keeps between two answers
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

double seconds(std::chrono::milliseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Connection::Connection(tcp::socket socket, asio::ssl::context* tls, std::string client, ServerState& server,
                       Set& connections)
    : timer_(socket.get_executor()),
      transport_(std::move(socket), tls),
      client_(std::move(client)),
      server_(server),
      connections_(connections),
      limits_(server.options.limits) {
  connections_.insert(this);
  ++server_.num_connections;
}

Connection::~Connection() {
  connections_.erase(this);
  --server_.num_connections;
}

void Connection::start() {
  spawn(serve());
}

void Connection::start_refusal() {
  spawn(refuse());
}

void Connection::spawn(asio::awaitable<void> coroutine) {
  asio::co_spawn(timer_.get_executor(), std::move(coroutine), [self = shared_from_this()](std::exception_ptr error) {
    if (error == nullptr) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& exception) {
      self->server_.logger->error("http: {}: the connection ends: {}", self->client_, printable(exception.what()));
    }
    self->abort();
  });
}

void Connection::wake() {
  is_woken_ = true;
  timer_.cancel();
}

void Connection::abort() {
  is_broken_ = true;
  has_input_ended_ = true;
  transport_.reset();
  wake();
}

asio::awaitable<void> Connection::sleep_until(Clock::time_point deadline) {
  if (!is_woken_) {
    timer_.expires_at(deadline);
    error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  is_woken_ = false;
}

// --- bytes in and out
// -------------------------------------------------------------------------------------------------

// Room for a head of any allowed length. What a client pipelines beyond that waits in its own buffers.
size_t Connection::max_input() const {
  return std::max<size_t>(64U << 10, limits_.max_header_bytes + read_buffer_.size());
}

// Read all the time: this is how a client that leaves is noticed at once.
void Connection::read_more() {
  if (is_reading_ || has_input_ended_ || input_.size() >= max_input()) return;
  is_reading_ = true;
  transport_.read_some(asio::buffer(read_buffer_), [self = shared_from_this()](error_code error, size_t size) {
    self->is_reading_ = false;
    if (self->discards_input_) {
      self->num_discarded_ += size;
    } else {
      try {
        self->input_.append(self->read_buffer_.data(), size);
      } catch (const std::bad_alloc&) {
        return self->abort();
      }
    }
    if (error) self->has_input_ended_ = true;
    if (error && error != asio::error::eof && error != asio::ssl::error::stream_truncated) self->is_broken_ = true;
    self->wake();
    self->read_more();
  });
}

void Connection::send(std::string bytes) {
  outgoing_ = std::move(bytes);
  num_sent_ = 0;
  num_sent_marked_ = 0;
  sent_at_ = Clock::now();
  if (is_sending()) send_rest();
}

void Connection::send_rest() {
  const auto rest = asio::buffer(outgoing_) + num_sent_;
  transport_.write_some(rest, [self = shared_from_this()](error_code error, size_t size) {
    self->num_sent_ += size;
    const bool is_done = self->num_sent_ == self->outgoing_.size();
    if (is_done || self->num_sent_ - self->num_sent_marked_ >= kFairPiece) {
      self->num_sent_marked_ = self->num_sent_;
      self->sent_at_ = Clock::now();
    }
    if (error) {
      self->is_broken_ = true;
    } else if (!is_done) {
      return self->send_rest();
    }
    self->outgoing_.clear();
    if (self->outgoing_.capacity() > kMaxIdleBuffer) self->outgoing_.shrink_to_fit();
    self->wake();
  });
}

bool Connection::is_stuck() const {
  return is_sending() && Clock::now() >= sent_at_ + limits_.write_timeout;
}

asio::awaitable<void> Connection::flush() {
  while (is_sending() && !is_broken_) {
    co_await sleep_until(sent_at_ + limits_.write_timeout);
    if (is_stuck()) abort();
  }
}

Response Connection::error_response(HttpError error) const {
  return to_response(std::move(error), server_.options.format_error);
}

// --- the coroutine
// ----------------------------------------------------------------------------------------------------

asio::awaitable<void> Connection::serve() {
  transport_.configure(limits_.write_timeout);
  bool goes_on = true;
  if (transport_.is_tls()) goes_on = co_await shake_hands();
  if (goes_on) read_more();
  while (goes_on) {
    goes_on = co_await serve_request();
    is_first_request_ = false;
  }
  co_await close_gently();
}

asio::awaitable<void> Connection::refuse() {
  transport_.configure(limits_.write_timeout);
  discards_input_ = true;
  must_linger_ = true;
  read_more();
  Exchange exchange(server_);
  Response response = error_response(
      {.status = 503,
       .message = fmt::format("the server has the {} connections it allows already", limits_.max_connections),
       .headers = {{"Retry-After", "1"}}});
  co_await answer_with(exchange, std::move(response));
  co_await close_gently();
}

asio::awaitable<bool> Connection::shake_hands() {
  const Clock::time_point deadline = Clock::now() + limits_.handshake_timeout;
  transport_.handshake([self = shared_from_this()](error_code error) {
    self->tls_result_ = error;
    self->wake();
  });
  while (!tls_result_ && !is_broken_ && Clock::now() < deadline) co_await sleep_until(deadline);
  const bool is_secure = tls_result_ && !*tls_result_;
  if (!is_secure) {
    server_.logger->debug("http: {}: no TLS: {}", client_, tls_result_ ? tls_result_->message() : "timed out");
    abort();
  }
  co_return is_secure;
}

asio::awaitable<bool> Connection::serve_request() {
  const bool has_begun = co_await await_first_byte();
  if (!has_begun) co_return false;
  Exchange exchange(server_);
  bool is_whole = co_await read_head(exchange);
  if (is_whole && !exchange.parser.is_complete()) is_whole = co_await read_body(exchange);
  if (is_whole) co_await handle(exchange);
  co_return exchange.keeps_connection && !is_broken_;
}

asio::awaitable<bool> Connection::await_first_byte() {
  const auto patience = is_first_request_ ? limits_.header_timeout : limits_.idle_timeout;
  const Clock::time_point deadline = Clock::now() + patience;
  while (true) {
    while (input_.starts_with("\r\n")) input_.erase(0, 2);  // RFC 9112, 2.2: ignored before a request
    read_more();
    if (!input_.empty() && input_ != "\r") co_return true;
    const bool must_close = server_.is_draining && !is_first_request_;
    if (has_input_ended_ || must_close || Clock::now() >= deadline) co_return false;
    co_await sleep_until(deadline);
  }
}

asio::awaitable<bool> Connection::read_head(Exchange& exchange) {
  RequestParser& parser = exchange.parser;
  const Clock::time_point deadline = Clock::now() + limits_.header_timeout;
  std::optional<Response> answer;
  while (!answer && !parser.has_head()) {
    input_.erase(0, parser.read_head(input_));
    read_more();
    if (parser.has_head() || parser.error()) break;
    if (has_input_ended_) co_return false;
    if (Clock::now() >= deadline) {
      answer = error_response(
          {.status = 408,
           .message = fmt::format("the request's headers took longer than {} s", seconds(limits_.header_timeout))});
    } else {
      co_await sleep_until(deadline);
    }
  }
  exchange.begin();
  if (!answer) answer = early_response(exchange);
  if (!answer) co_return true;
  if (!parser.has_head() || !parser.is_complete()) must_linger_ = true;
  co_await answer_with(exchange, std::move(*answer));
  co_return false;
}

std::optional<Response> Connection::early_response(const Exchange& exchange) const {
  if (const auto& error = exchange.parser.error()) return error_response(*error);
  const ServerOptions& options = server_.options;
  const Request& head = exchange.parser.request();
  if (auto answer = server_.guard.check(head, options.format_error)) return answer;
  if (server_.is_draining && !(options.is_served_while_draining && options.is_served_while_draining(head))) {
    return error_response({.status = 503, .message = "the server is shutting down", .headers = {{"Retry-After", "5"}}});
  }
  return options.check_head ? options.check_head(head) : std::nullopt;
}

asio::awaitable<bool> Connection::read_body(Exchange& exchange) {
  RequestParser& parser = exchange.parser;
  const Clock::time_point deadline = Clock::now() + limits_.body_timeout;
  if (parser.expects_continue() && input_.empty()) {
    send(std::string(kContinue));
    co_await flush();
  }
  std::optional<HttpError> error;
  while (!parser.is_complete() && !error && !is_broken_) {
    input_.erase(0, parser.read_body(input_));
    read_more();
    exchange.count_body(parser.request().body.size());
    if (parser.error()) {
      error = parser.error();
    } else if (*server_.body_bytes > limits_.max_bodies_bytes) {
      error = {.status = 503,
               .message = fmt::format("the server has {} bytes of requests to read already, as many as it allows",
                                      limits_.max_bodies_bytes),
               .headers = {{"Retry-After", "1"}}};
    } else if (!parser.is_complete() && has_input_ended_) {
      error = {.status = 400,
               .message = fmt::format("the request's body ended after {} bytes, before its announced end",
                                      parser.request().body.size())};
    } else if (!parser.is_complete() && Clock::now() >= deadline) {
      error = {.status = 408,
               .message = fmt::format("the request's body took longer than {} s", seconds(limits_.body_timeout))};
    } else if (!parser.is_complete()) {
      co_await sleep_until(deadline);
    }
  }
  if (!error) co_return !is_broken_;
  must_linger_ = true;
  Response response = error_response(std::move(*error));
  co_await answer_with(exchange, std::move(response));
  co_return false;
}

// A socket that is closed with unread bytes resets the connection, and the client may lose the answer that says why. So
// a client that was refused before it sent everything gets a little time to finish.
asio::awaitable<void> Connection::close_gently() {
  const Clock::time_point deadline = Clock::now() + limits_.linger_timeout;
  if (!is_broken_ && transport_.is_tls()) {
    tls_result_.reset();
    transport_.shut_down_tls([self = shared_from_this()](error_code error) {
      self->tls_result_ = error;
      self->wake();
    });
    while (!tls_result_ && !has_input_ended_ && Clock::now() < deadline) co_await sleep_until(deadline);
  }
  if (!is_broken_ && must_linger_) {
    transport_.stop_sending();
    discards_input_ = true;
    input_.clear();
    while (!has_input_ended_ && num_discarded_ < kMaxDiscarded && Clock::now() < deadline) {
      read_more();
      co_await sleep_until(deadline);
    }
  }
  transport_.close();
}

}  // namespace braid::http
