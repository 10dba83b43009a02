// A request's headers and parameters by name. Tested by server_test.cc and server/service/api_service_test.cc.
#include "braid/server/http/ascii.h"
#include "braid/server/http/handler.h"

namespace braid::http {

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const Header& header : headers) {
    if (equal_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::parameter(std::string_view name) const {
  for (const Header& parameter : parameters) {
    if (parameter.name == name) return parameter.value;
  }
  return std::nullopt;
}

}  // namespace braid::http
