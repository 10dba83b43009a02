// Typed access to a GGUF file's metadata.
#include "braid/formats/gguf.h"

#include <array>
#include <cmath>
#include <cstring>

#include "braid/formats/load.h"

namespace braid {
namespace {

std::string value_excerpt(const GgufValue& value) {
  struct Visitor {
    std::string operator()(uint64_t number) const { return std::to_string(number); }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(std::string_view text) const { return fmt::format("\"{}\"", text.substr(0, 80)); }
    std::string operator()(const GgufArray& array) const {
      return fmt::format("an array of {} elements of type {}", array.count, static_cast<uint32_t>(array.type));
    }
  };
  return std::visit(Visitor(), value);
}

}  // namespace

const GgufValue* GgufFile::find(std::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

Error GgufFile::wrong_value(std::string_view key, std::string_view must_be) const {
  const GgufValue* const value = find(key);
  return fail("\"{}\" is {}, must be {}", key, value == nullptr ? "missing" : value_excerpt(*value), must_be);
}

Result<std::optional<int64_t>> GgufFile::find_int(std::string_view key, int64_t min, int64_t max) const {
  using Optional = std::optional<int64_t>;
  const GgufValue* const value = find(key);
  if (value == nullptr) return Optional();
  const std::string must_be = fmt::format("an integer between {} and {}", min, max);
  int64_t number = 0;
  if (const auto* const unsigned_value = std::get_if<uint64_t>(value)) {
    if (*unsigned_value > static_cast<uint64_t>(INT64_MAX)) return wrong_value(key, must_be);
    number = static_cast<int64_t>(*unsigned_value);
  } else if (const auto* const signed_value = std::get_if<int64_t>(value)) {
    number = *signed_value;
  } else {
    return wrong_value(key, must_be);
  }
  if (number < min || number > max) return wrong_value(key, must_be);
  return Optional(number);
}

Result<std::optional<double>> GgufFile::find_double(std::string_view key) const {
  using Optional = std::optional<double>;
  const GgufValue* const value = find(key);
  if (value == nullptr) return Optional();
  double number = 0;
  if (const auto* const real = std::get_if<double>(value)) {
    number = *real;
  } else if (const auto* const unsigned_value = std::get_if<uint64_t>(value)) {
    number = static_cast<double>(*unsigned_value);
  } else if (const auto* const signed_value = std::get_if<int64_t>(value)) {
    number = static_cast<double>(*signed_value);
  } else {
    return wrong_value(key, "a number");
  }
  if (!std::isfinite(number)) return wrong_value(key, "a finite number");
  return Optional(number);
}

Result<std::optional<bool>> GgufFile::find_bool(std::string_view key) const {
  using Optional = std::optional<bool>;
  const GgufValue* const value = find(key);
  if (value == nullptr) return Optional();
  const auto* const truth = std::get_if<bool>(value);
  if (truth == nullptr) return wrong_value(key, "true or false");
  return Optional(*truth);
}

Result<std::optional<std::string>> GgufFile::find_string(std::string_view key) const {
  using Optional = std::optional<std::string>;
  const GgufValue* const value = find(key);
  if (value == nullptr) return Optional();
  const auto* const text = std::get_if<std::string_view>(value);
  if (text == nullptr) return wrong_value(key, "a string");
  return Optional(std::string(*text));
}

Result<const GgufArray*> GgufFile::find_array(std::string_view key, std::span<const GgufType> types,
                                              std::string_view must_be) const {
  const GgufValue* const value = find(key);
  if (value == nullptr) return nullptr;
  const auto* const array = std::get_if<GgufArray>(value);
  if (array == nullptr) return wrong_value(key, must_be);
  for (const GgufType type : types) {
    if (type == array->type) return array;
  }
  return wrong_value(key, must_be);
}

Result<std::optional<std::vector<std::string>>> GgufFile::find_strings(std::string_view key) const {
  using Optional = std::optional<std::vector<std::string>>;
  constexpr std::array kTypes = {GgufType::kString};
  TRY(const GgufArray* const array, find_array(key, kTypes, "an array of strings"));
  if (array == nullptr) return Optional();
  std::vector<std::string> strings;
  strings.reserve(static_cast<size_t>(array->count));
  const std::byte* at = array->payload.data();
  for (int64_t i = 0; i < array->count; ++i) {
    const auto length = load<uint64_t>(at);
    strings.emplace_back(reinterpret_cast<const char*>(at + sizeof length), length);
    at += sizeof length + length;
  }
  return Optional(std::move(strings));
}

Result<std::optional<std::vector<int32_t>>> GgufFile::find_ints(std::string_view key) const {
  using Optional = std::optional<std::vector<int32_t>>;
  constexpr std::array kTypes = {GgufType::kInt32, GgufType::kUint32};
  TRY(const GgufArray* const array, find_array(key, kTypes, "an array of 32-bit integers"));
  if (array == nullptr) return Optional();
  std::vector<int32_t> numbers(static_cast<size_t>(array->count));
  if (!numbers.empty()) std::memcpy(numbers.data(), array->payload.data(), array->payload.size());
  if (array->type == GgufType::kUint32) {
    for (const int32_t number : numbers) {
      if (number < 0) return wrong_value(key, "an array of integers below 2^31");
    }
  }
  return Optional(std::move(numbers));
}

Result<std::optional<std::vector<bool>>> GgufFile::find_bools(std::string_view key) const {
  using Optional = std::optional<std::vector<bool>>;
  constexpr std::array kTypes = {GgufType::kBool};
  TRY(const GgufArray* const array, find_array(key, kTypes, "an array of booleans"));
  if (array == nullptr) return Optional();
  std::vector<bool> values;
  for (const std::byte value : array->payload) values.push_back(value != std::byte{0});
  return Optional(std::move(values));
}

Result<std::optional<std::vector<float>>> GgufFile::find_floats(std::string_view key) const {
  using Optional = std::optional<std::vector<float>>;
  constexpr std::array kTypes = {GgufType::kFloat32};
  TRY(const GgufArray* const array, find_array(key, kTypes, "an array of 32-bit floats"));
  if (array == nullptr) return Optional();
  std::vector<float> numbers(static_cast<size_t>(array->count));
  if (!numbers.empty()) std::memcpy(numbers.data(), array->payload.data(), array->payload.size());
  return Optional(std::move(numbers));
}

}  // namespace braid
