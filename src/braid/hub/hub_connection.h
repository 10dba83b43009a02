// HTTP and HTTPS requests to the hub and to where it redirects them, through libcurl; one at a time.
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
  // `endpoint` is http:// or https://…; `token` goes to its host alone, never along with a redirection to another.
  static Result<HubConnection> open(const std::string& endpoint, const std::string& token);
  ~HubConnection();
  HubConnection(HubConnection&&) noexcept;
  HubConnection& operator=(HubConnection&&) noexcept;

  // A whole body of at most `max_bytes`.
  HubReply get(const std::string& url, size_t max_bytes);
  // No body, and redirections not followed: the headers of the hub itself.
  HubReply head(const std::string& url);

  // Takes some bytes; an error ends the transfer.
  using Sink = FunctionRef<Status(std::span<const std::byte> bytes)>;
  // The body from byte `offset` on. A server that sends all of it instead gets no further than its headers: `status` is
  // then 200, and nothing was taken. `sink`'s error comes back as it is.
  Result<HubReply> get_from(const std::string& url, int64_t offset, Sink sink);

  // "a/b c" as it stands in a URL; '/' is kept.
  static std::string escape_path(const std::string& path);

 private:
  struct Curl;
  explicit HubConnection(std::unique_ptr<Curl> curl);
  std::unique_ptr<Curl> curl_;
};

}  // namespace braid
