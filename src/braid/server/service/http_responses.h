// Answers as the transport takes them.
#pragma once

#include <string_view>

#include "braid/formats/json.h"
#include "braid/server/http/handler.h"
#include "braid/server/openai/api_error.h"

namespace braid {

http::Response json_response(const Json& body, int status = 200);
// With Retry-After where trying again later may help.
http::Response error_response(const openai::ApiError& error);
// The transport's own refusals (401, 404, 413, …) as OpenAI's clients read errors: an http::ErrorFormatter.
http::Response format_transport_error(int status, std::string_view message);

}  // namespace braid
