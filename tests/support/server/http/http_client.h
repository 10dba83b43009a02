// For tests over real sockets: a client that sends any bytes, and a server on a free port.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/base/log.h"
#include "braid/server/http/ascii.h"
#include "braid/server/http/server.h"

namespace braid::http::testing {

using std::chrono::milliseconds;

struct Reply {
  int status = 0;  // 0: the connection ended instead
  std::string head;
  std::vector<Header> headers;
  std::string body;         // chunks joined
  bool is_complete = true;  // false: the connection ended inside the body

  std::string header(std::string_view name) const {
    for (const Header& header : headers) {
      if (equal_ignoring_case(header.name, name)) return header.value;
    }
    return "";
  }
};

// A connection to 127.0.0.1. What takes longer than ten seconds counts as never.
class RawClient {
 public:
  explicit RawClient(uint16_t port, int receive_buffer_bytes = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(socket_ >= 0);
    if (receive_buffer_bytes > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof(receive_buffer_bytes));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        is_connected_(other.is_connected_),
        tls_(std::move(other.tls_)),
        buffer_(std::move(other.buffer_)) {}
  RawClient& operator=(RawClient&&) = delete;

  bool is_connected() const { return is_connected_; }

  // False: the handshake failed.
  bool start_tls() {
    const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    tls_.reset(SSL_new(context.get()));
    SSL_set_fd(tls_.get(), socket_);
    return SSL_connect(tls_.get()) == 1;
  }

  // False: the server has closed the connection.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                             : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // Receives more bytes into the buffer. False: the connection ended, or nothing came for `patience`.
  bool receive(milliseconds patience = milliseconds(10'000)) {
    std::string bytes(16384, '\0');
    pollfd watched{.fd = socket_, .events = POLLIN, .revents = 0};
    const bool waits = tls_ && SSL_pending(tls_.get()) > 0;
    if (!waits && ::poll(&watched, 1, static_cast<int>(patience.count())) <= 0) return false;
    const auto size = tls_ ? SSL_read(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (size <= 0) {
      has_ended_ = true;
      return false;
    }
    buffer_.append(bytes, 0, static_cast<size_t>(size));
    return true;
  }

  // All bytes up to the end of `end`; fewer if the connection ends first.
  std::string read_until(std::string_view end) {
    while (buffer_.find(end) == std::string::npos) {
      if (!receive()) return std::exchange(buffer_, "");
    }
    return take(buffer_.find(end) + end.size());
  }

  // The next reply. `has_no_body`: to a HEAD request.
  Reply read_reply(bool has_no_body = false) {
    Reply reply;
    reply.head = read_until("\r\n\r\n");
    if (!reply.head.starts_with("HTTP/1.1 ") || !reply.head.ends_with("\r\n\r\n")) return reply;
    reply.status = std::atoi(reply.head.c_str() + 9);
    for (size_t at = reply.head.find("\r\n") + 2; at + 2 < reply.head.size();) {
      const size_t end = reply.head.find("\r\n", at);
      const std::string line = reply.head.substr(at, end - at);
      const size_t colon = line.find(':');
      reply.headers.push_back({line.substr(0, colon), std::string(trim(line.substr(colon + 1)))});
      at = end + 2;
    }
    if (has_no_body || reply.status < 200 || reply.status == 204 || reply.status == 304) return reply;
    if (reply.header("Transfer-Encoding") == "chunked") {
      read_chunks(reply);
    } else if (const std::string length = reply.header("Content-Length"); !length.empty()) {
      const size_t size = std::strtoull(length.c_str(), nullptr, 10);
      while (buffer_.size() < size && receive()) continue;
      reply.is_complete = buffer_.size() >= size;
      reply.body = take(std::min(size, buffer_.size()));
    } else {
      while (receive()) continue;
      reply.body = std::exchange(buffer_, "");
    }
    return reply;
  }

  // Whether the server closes or resets the connection within `patience`, whatever it sends before.
  bool is_closed_within(milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!has_ended_ && std::chrono::steady_clock::now() < deadline) receive(milliseconds(50));
    return has_ended_;
  }

  // TLS: whether the server announced the end.
  bool has_received_close_notify() const { return (SSL_get_shutdown(tls_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

  void stop_sending() { ::shutdown(socket_, SHUT_WR); }
  void close() {
    tls_.reset();
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  void reset() {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
  }

 private:
  std::string take(size_t size) {
    std::string out = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return out;
  }
  void read_chunks(Reply& reply) {
    while (true) {
      const std::string line = read_until("\r\n");
      const size_t size = std::strtoull(line.c_str(), nullptr, 16);
      while (buffer_.size() < size + 2 && receive()) continue;
      reply.is_complete = line.ends_with("\r\n") && buffer_.size() >= size + 2;
      reply.body += take(std::min(size, buffer_.size()));
      if (!reply.is_complete) return;
      take(2);
      if (size == 0) return;
    }
  }

  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  int socket_ = -1;
  bool is_connected_ = false;
  bool has_ended_ = false;
  std::unique_ptr<SSL, FreeSsl> tls_;
  std::string buffer_;
};

// Options with any free port and a short linger timeout.
inline ServerOptions test_options() {
  ServerOptions options{.port = 0};
  options.limits.linger_timeout = milliseconds(500);
  options.limits.first_comment = std::chrono::hours(1);  // so that a slow test finds none among its bytes
  return options;
}

inline std::unique_ptr<HttpServer> start_server(ServerOptions options, Handler handler) {
  auto server = HttpServer::start(std::move(options), std::move(handler), make_null_logger());
  CHECK(server.ok(), "{}", server.error().message);
  return std::move(*server);
}

// Answers with the request's method, path and body.
inline void echo(Request request, const std::shared_ptr<Responder>& responder) {
  responder->respond({.content_type = "text/plain", .body = request.method + " " + request.path + " " + request.body});
}

inline std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}
inline std::string post(std::string_view path, std::string_view body, std::string_view headers = "") {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

// Whether `holds` becomes true within `patience`.
inline bool eventually(const std::function<bool()>& holds, milliseconds patience = milliseconds(10'000)) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    ::poll(nullptr, 0, 2);
  }
  return true;
}

}  // namespace braid::http::testing
