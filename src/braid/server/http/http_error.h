// An error as the answer to a request, and how it becomes a body. Tested by server_test.cc and guard_test.cc.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/server/http/handler.h"

namespace braid::http {

struct HttpError {
  int status = 400;
  std::string message;  // ASCII or valid UTF-8
  std::vector<Header> headers = {};
};

// An error's body and content type. The protocol above the transport defines them.
using ErrorFormatter = std::function<Response(int status, std::string_view message)>;

// The message as text/plain.
Response plain_error(int status, std::string_view message);

Response to_response(HttpError error, const ErrorFormatter& format);

}  // namespace braid::http
