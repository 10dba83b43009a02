// What parsers need to know of a request's tools.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace braid::parsers {

struct ToolSpec {
  std::string name;
  std::string parameters = {};  // JSON text of the arguments' schema, an object; empty: no arguments
  bool is_strict = false;       // its arguments must match the schema
};

// The kinds of JSON values that a parameter takes, one bit each.
using ValueKinds = uint8_t;
inline constexpr ValueKinds kStringValue = 1;
inline constexpr ValueKinds kNumberValue = 2;
inline constexpr ValueKinds kBooleanValue = 4;
inline constexpr ValueKinds kNullValue = 8;
inline constexpr ValueKinds kArrayValue = 16;
inline constexpr ValueKinds kObjectValue = 32;
inline constexpr ValueKinds kAnyValue = 63;

ValueKinds kind_of(const nlohmann::ordered_json& value);

class ToolSet {
 public:
  using Parameters = std::map<std::string, ValueKinds, std::less<>>;

  ToolSet() = default;
  explicit ToolSet(std::span<const ToolSpec> tools);

  bool empty() const { return parameters_.empty(); }
  bool knows(std::string_view tool) const { return parameters_.find(tool) != parameters_.end(); }
  // kAnyValue if the tool is unknown or its schema does not say.
  ValueKinds kinds(std::string_view tool, std::string_view parameter) const;
  // The parameters that the tool's schema names; empty for an unknown tool.
  Parameters parameters(std::string_view tool) const;

 private:
  std::map<std::string, Parameters, std::less<>> parameters_;  // by tool
};

}  // namespace braid::parsers
