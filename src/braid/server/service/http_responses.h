// Makes HTTP responses from JSON and errors. Tested by api_service_test.cc.
#pragma once

#include <string_view>

#include "braid/formats/json.h"
#include "braid/server/http/handler.h"
#include "braid/server/openai/api_error.h"

namespace braid {

http::Response json_response(const Json& body, int status = 200);
// The head of a stream of events.
http::Response event_stream_head();
// With Retry-After for 429 and 503.
http::Response error_response(const openai::ApiError& error);
// Formats the transport's own errors (401, 404, 413, …) like OpenAI's. It is an http::ErrorFormatter.
http::Response format_transport_error(int status, std::string_view message);

}  // namespace braid
