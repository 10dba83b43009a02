// What stands in front of every handler, asked when a request's head is there and its body is not: API keys and
// browsers' pages from elsewhere. Pure functions of the head.
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
  std::vector<std::string> api_keys;                 // none: everything is free
  std::function<bool(const Request& head)> is_free;  // needs no key; not set: nothing is free
  std::vector<std::string> allowed_origins;          // "https://chat.example", or "*"; none: CORS is off
};

class Guard {
 public:
  explicit Guard(GuardOptions options);

  // The answer in the handler's place: 401, 403, or to a CORS preflight. None: let it pass.
  std::optional<Response> check(const Request& head, const ErrorFormatter& format) const;

  // What every answer to this request carries, so that a page of an allowed origin may read it.
  std::vector<Header> cors_headers(const Request& head) const;

 private:
  bool allows_origin(std::string_view origin) const;
  bool is_foreign(const Request& head) const;

  ApiKeys keys_;
  std::function<bool(const Request&)> is_free_;
  std::vector<std::string> allowed_origins_;
};

}  // namespace braid::http
