// A client's byte stream: a TCP socket, with or without TLS. Only for files that include Asio anyway. Tested by
// server_test.cc and server_tls_test.cc.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <chrono>
#include <functional>
#include <optional>

namespace braid::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// All functions and callbacks run on the socket's one thread. At most one read and one write at a time.
class Transport {
 public:
  using Done = std::function<void(error_code)>;
  using DoneBytes = std::function<void(error_code, size_t)>;

  Transport(tcp::socket socket, asio::ssl::context* tls);

  // For streams of small pieces to clients that may vanish: no delay, few unsent bytes in the kernel, and a peer that
  // acknowledges nothing for `timeout` counts as gone.
  void configure(std::chrono::milliseconds timeout);

  bool is_tls() const { return tls_.has_value(); }
  void handshake(Done done);
  void read_some(asio::mutable_buffer buffer, DoneBytes done);
  void write_some(asio::const_buffer buffer, DoneBytes done);
  void shut_down_tls(Done done);  // TLS's close_notify

  // Whether the client has closed its side, even if bytes it sent before are unread.
  bool has_peer_closed();

  void stop_sending();
  void close();
  void reset();  // closes, drops what waits in the kernel and tells the client so

 private:
  tcp::socket socket_;
  std::optional<asio::ssl::stream<tcp::socket&>> tls_;
};

}  // namespace braid::http
