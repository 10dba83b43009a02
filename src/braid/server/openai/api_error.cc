#include "braid/server/openai/api_error.h"

#include <utility>

namespace braid::openai {

Json to_json(const ApiError& error) {
  const auto or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  return {{"error",
           {{"message", error.message},
            {"type", error.type},
            {"param", or_null(error.param)},
            {"code", or_null(error.code)}}}};
}

ApiError error_of(const Delta& delta) {
  return delta.is_bad_request ? ApiError{.message = delta.error} : server_error(delta.error);
}

ApiError server_error(std::string message) {
  return {.status = 500, .message = std::move(message), .type = "server_error"};
}

}  // namespace braid::openai
