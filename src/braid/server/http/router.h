// Finds the handler for a method and a path. Answers 404 and 405 where there is none.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/server/http/handler.h"
#include "braid/server/http/http_error.h"

namespace braid::http {

class Router {
 public:
  explicit Router(ErrorFormatter format = plain_error);

  // `pattern`: "/v1/models", "/v1/models/{id}" (one segment) or "/v1/models/{id...}" (the rest of the path, slashes
  // included). The value of a name becomes one of the request's parameters. The first pattern that matches wins. A
  // route for GET answers HEAD too; OPTIONS is answered here.
  void add(std::string method, std::string_view pattern, Handler handler);

  // The answer to a request without a handler (404, 405, OPTIONS). The head is enough, so the body is not read.
  std::optional<Response> check(const Request& head) const;

  // Passes the request to its handler, or answers as check() says.
  void handle(Request request, std::shared_ptr<Responder> responder) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Handler handler;
  };
  struct Match {
    const Route* route = nullptr;
    std::vector<Header> parameters;
  };
  Match find(const Request& head) const;
  std::string allowed_methods(std::string_view path) const;  // of a path; empty: no route matches it

  ErrorFormatter format_;
  std::vector<Route> routes_;
};

}  // namespace braid::http
