// An error as OpenAI's API answers it: {"error": {message, type, param, code}}. Tested by
// server/service/api_service_test.cc.
#pragma once

#include <string>

#include "braid/formats/json.h"
#include "braid/request/generation.h"

namespace braid::openai {

struct ApiError {
  int status = 400;
  std::string message;
  std::string type = "invalid_request_error";
  std::string param = {};  // empty: null
  std::string code = {};   // empty: null
};

Json to_json(const ApiError& error);
// Status 500: the fault is the server's.
ApiError server_error(std::string message);
// Of a request that ended with kError.
ApiError error_of(const Delta& delta);

}  // namespace braid::openai
