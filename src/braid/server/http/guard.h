// The check before every handler: API keys, and browsers' pages of other origins. It needs a request's head, not its
// body. Pure functions of the head.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "braid/server/http/api_keys.h"
#include "braid/server/http/handler.h"
#include "braid/server/http/http_error.h"

namespace braid::http {

struct GuardOptions {
  std::vector<std::string> api_keys;                 // empty: no key is needed
  std::function<bool(const Request& head)> is_free;  // which requests need no key; not set: none
  std::vector<std::string> allowed_origins;          // "https://chat.example", or "*"; none: CORS is off
};

class Guard {
 public:
  explicit Guard(GuardOptions options);

  // The answer instead of the handler's: 401, 403, or to a CORS preflight. None: the request may pass.
  std::optional<Response> check(const Request& head, const ErrorFormatter& format) const;

  // Headers that every answer to this request has, so that a page of an allowed origin may read it.
  std::vector<Header> cors_headers(const Request& head) const;

 private:
  bool allows_origin(std::string_view origin) const;
  bool is_foreign(const Request& head) const;

  ApiKeys keys_;
  std::function<bool(const Request&)> is_free_;
  std::vector<std::string> allowed_origins_;
};

}  // namespace braid::http
