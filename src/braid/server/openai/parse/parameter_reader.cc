#include "braid/server/openai/parse/parameter_reader.h"

#include <fmt/core.h>

#include <utility>

namespace braid::openai {

namespace {

// Nothing unless the value is an integer of 64 bits.
std::optional<int64_t> as_int64(const Json& value) {
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<int64_t>();
}

}  // namespace

const Json* member(const Json& object, std::string_view name) {
  const auto at = object.find(name);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

const Json* ParameterReader::find(std::string_view name) const {
  return member(body_, name);
}

void ParameterReader::fail(std::string_view name, std::string message) {
  if (!error_) error_ = ApiError{.message = std::move(message), .param = std::string(name)};
}

void ParameterReader::fail_value(std::string_view name, const Json& value, std::string_view must_be) {
  fail(name, fmt::format("{} is {}: must be {}", name, json_excerpt(value), must_be));
}

std::optional<int64_t> ParameterReader::integer(std::string_view name, int64_t min, int64_t max) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto number = as_int64(*value);
  if (number && *number >= min && *number <= max) return number;
  fail_value(name, *value, fmt::format("an integer from {} to {}", min, max));
  return std::nullopt;
}

std::optional<double> ParameterReader::number(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) return value->get<double>();
  fail_value(name, *value, "a number");
  return std::nullopt;
}

std::optional<double> ParameterReader::number(std::string_view name, double min, double max) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_number()) {
    const double number = value->get<double>();
    if (number >= min && number <= max) return number;  // false for NaN
  }
  fail_value(name, *value, fmt::format("a number from {} to {}", min, max));
  return std::nullopt;
}

std::optional<bool> ParameterReader::boolean(std::string_view name) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  fail_value(name, *value, "true or false");
  return std::nullopt;
}

std::optional<std::string> ParameterReader::text(std::string_view name, size_t max_bytes) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string() && value->get_ref<const std::string&>().size() <= max_bytes) return value->get<std::string>();
  fail_value(name, *value, fmt::format("a string of at most {} bytes", max_bytes));
  return std::nullopt;
}

std::optional<std::vector<int64_t>> ParameterReader::integers(std::string_view name, int64_t min, int64_t max,
                                                              size_t max_size) {
  const Json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array() || value->size() > max_size) {
    fail_value(name, *value, fmt::format("a list of at most {} integers", max_size));
    return std::nullopt;
  }
  std::vector<int64_t> numbers;
  numbers.reserve(value->size());
  for (const Json& item : *value) {
    const auto number = as_int64(item);
    if (!number || *number < min || *number > max) {
      fail(name, fmt::format("{} holds {}: must be integers from {} to {}", name, json_excerpt(item), min, max));
      return std::nullopt;
    }
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace braid::openai
