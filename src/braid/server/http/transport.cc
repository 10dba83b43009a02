#include "braid/server/http/transport.h"

#include <netinet/tcp.h>
#include <poll.h>

#include <utility>

namespace braid::http {

Transport::Transport(tcp::socket socket, asio::ssl::context* tls) : socket_(std::move(socket)) {
  if (tls != nullptr) tls_.emplace(socket_, *tls);
}

void Transport::configure(std::chrono::milliseconds timeout) {
  constexpr int kMaxUnsentBytes = 128 * 1024;
  constexpr int kKeepAliveIdle_s = 60;
  constexpr int kKeepAliveInterval_s = 10;
  // None of these fails on a connected TCP socket on Linux, and a failure would not matter.
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  const auto set = [&](int option, int value) {
    ::setsockopt(socket_.native_handle(), IPPROTO_TCP, option, &value, sizeof(value));
  };
  set(TCP_KEEPIDLE, kKeepAliveIdle_s);
  set(TCP_KEEPINTVL, kKeepAliveInterval_s);
  set(TCP_NOTSENT_LOWAT, kMaxUnsentBytes);
  set(TCP_USER_TIMEOUT, static_cast<int>(timeout.count()));
}

void Transport::handshake(Done done) {
  tls_->async_handshake(asio::ssl::stream_base::server, std::move(done));
}

void Transport::read_some(asio::mutable_buffer buffer, DoneBytes done) {
  if (tls_) {
    tls_->async_read_some(buffer, std::move(done));
  } else {
    socket_.async_read_some(buffer, std::move(done));
  }
}

void Transport::write_some(asio::const_buffer buffer, DoneBytes done) {
  if (tls_) {
    tls_->async_write_some(buffer, std::move(done));
  } else {
    socket_.async_write_some(buffer, std::move(done));
  }
}

void Transport::shut_down_tls(Done done) {
  tls_->async_shutdown(std::move(done));
}

bool Transport::has_peer_closed() {
  if (!socket_.is_open()) return true;
  pollfd watched{.fd = socket_.native_handle(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void Transport::stop_sending() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void Transport::close() {
  error_code ignored;
  socket_.close(ignored);
}

void Transport::reset() {
  error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
}

}  // namespace braid::http
