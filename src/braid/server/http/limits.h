// What one client may use. Every limit has a safe default.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace braid::http {

struct Limits {
  size_t max_connections = 4096;           // more: 503
  size_t max_header_bytes = 32U << 10;     // request line and headers; more: 431
  size_t max_headers = 100;                // more: 431
  uint64_t max_body_bytes = 64U << 20;     // of one request; more: 413
  uint64_t max_bodies_bytes = 1ULL << 30;  // of all requests that are read and not yet parsed; more: 503

  // How much may wait for a client. A client is disconnected when it takes nothing for the write timeout; when its
  // buffer is written to while full, and it takes less than the buffer holds in the write timeout; and at once, when
  // four times the buffer, or four times the longest event, waits for it.
  size_t stream_buffer_bytes = 1U << 20;

  std::chrono::milliseconds handshake_timeout{10'000};  // TLS
  std::chrono::milliseconds header_timeout{10'000};     // a request's first byte to its empty line; beyond: 408
  std::chrono::milliseconds body_timeout{60'000};       // a whole body; beyond: 408
  std::chrono::milliseconds idle_timeout{75'000};       // between two requests
  std::chrono::milliseconds write_timeout{30'000};      // a client that takes nothing of what waits for it
  std::chrono::milliseconds linger_timeout{2'000};      // a refused client may go on sending before it is cut off

  // Comments that keep a text/event-stream alive: one if it begins with silence, then one after each interval of
  // silence.
  std::chrono::milliseconds first_comment{50};
  std::chrono::milliseconds comment_interval{15'000};
};

}  // namespace braid::http
