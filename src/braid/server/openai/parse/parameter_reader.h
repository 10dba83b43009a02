// Typed access to the parameters of a request body. null counts as absent. The first parameter of a wrong type or range
// becomes the request's error; that parameter and later wrong ones read as absent. Tested by
// completion_request_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/formats/json.h"
#include "braid/server/openai/api_error.h"

namespace braid::openai {

// A member of an object; nullptr if it is absent or null, which mean the same here.
const Json* member(const Json& object, std::string_view name);

class ParameterReader {
 public:
  explicit ParameterReader(const Json& body) : body_(body) {}  // `body`: an object; it must outlive this

  const Json* find(std::string_view name) const;  // null: absent
  std::optional<int64_t> integer(std::string_view name, int64_t min, int64_t max);
  std::optional<double> number(std::string_view name);
  std::optional<double> number(std::string_view name, double min, double max);  // both ends are allowed
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::string> text(std::string_view name, size_t max_bytes = 65'536);
  std::optional<std::vector<int64_t>> integers(std::string_view name, int64_t min, int64_t max, size_t max_size);

  void fail(std::string_view name, std::string message);
  // `name` is "many": must be an integer
  void fail_value(std::string_view name, const Json& value, std::string_view must_be);
  const std::optional<ApiError>& error() const { return error_; }

 private:
  const Json& body_;
  std::optional<ApiError> error_;
};

}  // namespace braid::openai
