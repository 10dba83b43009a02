#include "braid/server/http/http_error.h"

#include <utility>

namespace braid::http {

Response plain_error(int status, std::string_view message) {
  return {.status = status, .content_type = "text/plain; charset=utf-8", .body = std::string(message) + "\n"};
}

Response to_response(HttpError error, const ErrorFormatter& format) {
  Response response = format(error.status, error.message);
  response.status = error.status;
  for (Header& header : error.headers) response.headers.push_back(std::move(header));
  return response;
}

}  // namespace braid::http
