// A request that gets an error instead of what it asked for, and how such an error is put into a body.
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

// The body of an error and its content type. The protocol above says what its errors look like.
using ErrorFormatter = std::function<Response(int status, std::string_view message)>;

// The message as text/plain.
Response plain_error(int status, std::string_view message);

Response to_response(HttpError error, const ErrorFormatter& format);

}  // namespace braid::http
