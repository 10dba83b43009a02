// HTTP and HTTPS requests to the hub and its redirections, with libcurl; one at a time. Tested by
// tests/e2e/test_hub.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "braid/base/function_ref.h"
#include "braid/base/result.h"
#include "braid/hub/hub_reply.h"

namespace braid {

class HubConnection {
 public:
  // `endpoint` is http:// or https://…; `token` is sent to this host only, never to the target of a redirection to
  // another host.
  static Result<HubConnection> open(const std::string& endpoint, const std::string& token);
  ~HubConnection();
  HubConnection(HubConnection&&) noexcept;
  HubConnection& operator=(HubConnection&&) noexcept;

  // Gets a whole body of at most `max_bytes`.
  HubReply get(const std::string& url, size_t max_bytes);
  // Gets no body and follows no redirection: returns the hub's own headers.
  HubReply head(const std::string& url);

  // Receives some bytes; an error ends the transfer.
  using Sink = FunctionRef<Status(std::span<const std::byte> bytes)>;
  // Gets the body from byte `offset` on. If the server sends the whole body instead, the transfer stops after the
  // headers: `status` is 200, and `sink` received nothing. An error of `sink` is returned unchanged.
  Result<HubReply> get_from(const std::string& url, int64_t offset, Sink sink);

  // "a/b c" as written in a URL; '/' is kept.
  static std::string escape_path(const std::string& path);

 private:
  struct Curl;
  explicit HubConnection(std::unique_ptr<Curl> curl);
  std::unique_ptr<Curl> curl_;
};

}  // namespace braid
