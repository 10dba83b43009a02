// What OpenAI's API answers instead of a result: {"error": {message, type, param, code}}.
#pragma once

#include <string>
#include <variant>

#include "braid/formats/json.h"

namespace braid::openai {

struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param = {};  // empty: null
  std::string code = {};   // empty: null
};

Json to_json(const ApiError& error);
// Something of ours went wrong: status 500.
ApiError server_error(std::string message);

template <typename T>
using ApiResult = std::variant<T, ApiError>;

}  // namespace braid::openai
