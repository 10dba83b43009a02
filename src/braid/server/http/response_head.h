// An answer's status line and headers as bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "braid/server/http/handler.h"

namespace braid::http {

enum class BodyFraming {
  kLength,      // Content-Length
  kChunked,     // HTTP/1.1 streams
  kUntilClose,  // HTTP/1.0 streams
};

struct HeadOptions {
  BodyFraming framing = BodyFraming::kLength;
  uint64_t content_length = 0;
  bool keep_alive = true;
  bool is_http_1_0 = false;  // the request's version
};

// With Date and, unless `response` has its own, the headers that keep browsers from guessing types, framing and
// caching. Characters that would break a header's line become spaces.
std::string response_head(const Response& response, const HeadOptions& options, std::span<const Header> more_headers);

// "Not Found"; "Unknown" for a status without a name.
std::string_view reason_phrase(int status);

// 204 and 304 never have a body, nor a length.
bool has_body(int status);

}  // namespace braid::http
