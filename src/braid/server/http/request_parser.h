// Bytes to one Request, within limits; knows no sockets. Ambiguous requests (two lengths, a length and chunks, odd line
// ends) are refused: another program before braid may have read them differently.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "braid/server/http/handler.h"
#include "braid/server/http/http_error.h"
#include "braid/server/http/limits.h"

namespace braid::http {

class RequestParser {
 public:
  explicit RequestParser(const Limits& limits);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Takes bytes of the head, up to its end, and returns how many. Bytes not taken must be passed again, with more after
  // them. Not to be called after has_head() or error().
  size_t read_head(std::string_view bytes);
  // The same for the body, after has_head() and before is_complete().
  size_t read_body(std::string_view bytes);

  bool has_head() const;
  bool is_complete() const;  // head and body
  const std::optional<HttpError>& error() const;

  // Complete except for the body once has_head(). Before that, as far as it was read.
  const Request& request() const;
  Request take_request();

  bool keep_alive() const;                         // what the client wants; once has_head()
  bool is_http_1_0() const;                        // once has_head()
  bool expects_continue() const;                   // the client waits for "100 Continue" before it sends the body
  std::optional<uint64_t> announced_body() const;  // Content-Length; none for chunks

 private:
  class Beast;
  std::unique_ptr<Beast> beast_;
};

}  // namespace braid::http
