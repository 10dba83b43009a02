#include "braid/server/service/http_responses.h"

#include <string>

#include "braid/server/openai/write/answer_writer.h"

namespace braid {

http::Response json_response(const Json& body, int status) {
  return {.status = status, .headers = {}, .body = openai::to_text(body)};
}

http::Response event_stream_head() {
  return {.content_type = "text/event-stream; charset=utf-8",
          .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}},
          .body = {}};
}

http::Response error_response(const openai::ApiError& error) {
  http::Response response = json_response(openai::to_json(error), error.status);
  if (error.status == 429) response.headers.push_back({"Retry-After", "1"});
  if (error.status == 503) response.headers.push_back({"Retry-After", "5"});
  return response;
}

http::Response format_transport_error(int status, std::string_view message) {
  openai::ApiError error{.status = status, .message = std::string(message)};
  if (status == 401) {
    error.type = "authentication_error";
    error.code = "invalid_api_key";
  } else if (status == 403) {
    error.type = "permission_error";
  } else if (status == 408) {
    error.type = "timeout_error";
  } else if (status >= 500) {
    error.type = "server_error";
  }
  return json_response(openai::to_json(error), status);
}

}  // namespace braid
