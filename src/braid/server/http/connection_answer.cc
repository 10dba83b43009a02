// How a connection sends answers: heads, pieces, comments while a stream is silent. Decides when to disconnect a
// client. Tested by server_stream_test.cc.
#include <algorithm>
#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "braid/server/http/ascii.h"
#include "braid/server/http/exchange.h"

namespace braid::http {
namespace {

constexpr size_t kMaxPiece = 256U << 10;  // bytes of a stream passed to the socket at once
constexpr std::string_view kComment = ": keep-alive\n\n";
constexpr const char* kTooSlow = "client reads too slowly";
constexpr std::chrono::milliseconds kPeerCheck{500};

std::string chunk(std::string_view bytes) {
  return bytes.empty() ? std::string() : fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

// Tells the handler that the client is gone, unless the whole answer was sent.
class AnswerEnd {
 public:
  explicit AnswerEnd(Answer& answer) : answer_(answer) {}
  ~AnswerEnd() { answer_.close(is_gone); }
  AnswerEnd(const AnswerEnd&) = delete;
  AnswerEnd& operator=(const AnswerEnd&) = delete;

  bool is_gone = true;

 private:
  Answer& answer_;
};

}  // namespace

asio::awaitable<void> Connection::handle(Exchange& exchange) {
  const auto answer = std::make_shared<Answer>(limits_.stream_buffer_bytes,
                                               [executor = timer_.get_executor(), weak = weak_from_this()] {
                                                 asio::post(executor, [weak] {
                                                   if (const auto self = weak.lock()) self->wake();
                                                 });
                                               });
  const char* reason = nullptr;
  {
    AnswerEnd closer(*answer);
    Request request = exchange.parser.take_request();
    request.client = client_;
    exchange.count_body(request.body.size());
    request.body_hold = exchange.hold_body();
    try {
      server_.handler(std::move(request), make_responder(answer));
    } catch (const std::exception& exception) {
      server_.logger->error("http: the handler of {} failed: {}", printable(exchange.path),
                            printable(exception.what()));
    }
    reason = co_await send_answer(exchange, *answer);
    closer.is_gone = reason != nullptr;
  }
  if (reason != nullptr) {
    exchange.keeps_connection = false;
    if (!is_broken_) abort();
  }
  log(exchange, reason);
}

asio::awaitable<void> Connection::answer_with(Exchange& exchange, Response response) {
  std::string bytes = head_bytes(exchange, response, false, response.body.size());
  if (exchange.sends_body) bytes += response.body;
  exchange.num_body_bytes = response.body.size();
  send(std::move(bytes));
  co_await flush();
  log(exchange, is_broken_ ? "client gone" : nullptr);
}

asio::awaitable<const char*> Connection::send_answer(Exchange& exchange, Answer& answer) {
  bool is_last = false;
  FullBuffer full;
  Clock::time_point quiet_since = Clock::now();
  while (true) {
    if (!is_sending() && !is_last && !is_broken_) {
      Answer::Piece piece = answer.take(kMaxPiece);
      is_last = piece.is_last;
      std::string bytes = piece_bytes(exchange, std::move(piece));
      if (!exchange.sends_body && exchange.status != 0) is_last = true;
      if (!bytes.empty()) {
        quiet_since = Clock::now();
        send(std::move(bytes));
      }
    }
    if (is_broken_ || (has_input_ended_ && !is_last)) co_return "client gone";
    if (is_last && !is_sending()) co_return nullptr;
    if (const char* reason = disconnect_reason(answer, full)) co_return reason;

    Clock::time_point deadline = Clock::time_point::max();
    if (is_sending()) deadline = sent_at_ + limits_.write_timeout;
    if (full.since != Clock::time_point::max()) deadline = std::min(deadline, full.since + limits_.write_timeout);
    if (input_.size() >= max_input()) deadline = std::min(deadline, Clock::now() + kPeerCheck);
    if (exchange.is_event_stream && exchange.is_between_events && !is_sending() && !is_last) {
      const auto patience = exchange.has_sent_event ? limits_.comment_interval : limits_.first_comment;
      if (Clock::now() >= quiet_since + patience) {
        quiet_since = Clock::now();
        exchange.has_sent_event = true;
        send(exchange.framing == BodyFraming::kChunked ? chunk(kComment) : std::string(kComment));
        continue;
      }
      deadline = std::min(deadline, quiet_since + patience);
    }
    co_await sleep_until(deadline);
  }
}

const char* Connection::disconnect_reason(const Answer& answer, FullBuffer& full) {
  const Clock::time_point now = Clock::now();
  if (is_stuck()) return "client stopped reading";
  const Answer::Fill fill = answer.fill();
  if (fill == Answer::Fill::kOverflowed) return kTooSlow;
  if (fill != Answer::Fill::kFull) {
    full = {};
  } else if (const uint64_t taken = answer.num_taken_bytes();
             full.since == Clock::time_point::max() || taken >= full.num_taken_bytes + limits_.stream_buffer_bytes) {
    full = {.since = now, .num_taken_bytes = taken};
  } else if (now >= full.since + limits_.write_timeout) {
    return kTooSlow;
  }
  // The client pipelined so much that reading stopped, so its end cannot be seen by reading.
  if (input_.size() >= max_input() && transport_.has_peer_closed()) return "client gone";
  return nullptr;
}

std::string Connection::head_bytes(Exchange& exchange, const Response& response, bool is_stream,
                                   uint64_t content_length) const {
  exchange.status = response.status;
  exchange.sends_body = exchange.method != "HEAD" && has_body(response.status);
  exchange.framing = !is_stream             ? BodyFraming::kLength
                     : exchange.is_http_1_0 ? BodyFraming::kUntilClose
                                            : BodyFraming::kChunked;
  exchange.keeps_connection = exchange.client_keeps_alive && !must_linger_ && !server_.is_draining &&
                              exchange.framing != BodyFraming::kUntilClose;
  exchange.is_event_stream = is_stream && response.content_type.starts_with("text/event-stream");
  exchange.is_between_events = true;
  return response_head(response,
                       {.framing = exchange.framing,
                        .content_length = content_length,
                        .keep_alive = exchange.keeps_connection,
                        .is_http_1_0 = exchange.is_http_1_0},
                       exchange.cors);
}

std::string Connection::piece_bytes(Exchange& exchange, Answer::Piece piece) const {
  std::string out;
  if (piece.is_dropped && exchange.status == 0) {
    piece.head = error_response({.status = 500, .message = "the server gave no answer to this request"});
    piece.bytes = std::exchange(piece.head->body, "");
  }
  if (piece.head) out = head_bytes(exchange, *piece.head, piece.is_stream, piece.bytes.size());
  if (exchange.status == 0 || !exchange.sends_body) return out;
  if (!piece.bytes.empty()) {
    exchange.num_body_bytes += piece.bytes.size();
    exchange.has_sent_event = true;
    exchange.is_between_events = piece.bytes.ends_with("\n\n");
    out += exchange.framing == BodyFraming::kChunked ? chunk(piece.bytes) : piece.bytes;
  }
  if (piece.is_stream && piece.is_last) {
    if (piece.is_dropped) {
      exchange.keeps_connection = false;  // no last chunk, so that the client sees that the stream is incomplete
    } else if (exchange.framing == BodyFraming::kChunked) {
      out += "0\r\n\r\n";
    }
  }
  return out;
}

void Connection::log(const Exchange& exchange, const char* reason) const {
  if (!server_.logger->should_log(spdlog::level::debug)) return;
  const double elapsed_s = std::chrono::duration<double>(Clock::now() - exchange.started).count();
  server_.logger->debug("http: {} \"{} {}\" {} {} bytes {:.3f} s{}{}", client_, printable(exchange.method),
                        printable(exchange.path), exchange.status, exchange.num_body_bytes, elapsed_s,
                        reason == nullptr ? "" : ", ", reason == nullptr ? "" : reason);
}

}  // namespace braid::http
