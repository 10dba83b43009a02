// JSON from files and peers, within limits, and typed access to it. Errors name the key and the value.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"

namespace braid {

using Json = nlohmann::ordered_json;

struct JsonLimits {
  int64_t max_bytes = int64_t{256} << 20;
  int64_t max_values = 20'000'000;  // numbers, strings, arrays and so on, together
  int32_t max_depth = 100;          // of nested arrays and objects
  bool unique_keys = false;         // a key that occurs twice in an object is an error
};

// Parses strict JSON (RFC 8259; no comments, no NaN) in valid UTF-8. A key that occurs twice keeps its first place and
// takes its last value, unless limits.unique_keys. Time is linear in the text's length, even for one object with a
// million keys. Errors say where.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

// One JSON object with its name in errors ("config.json"). Does not own the object. A key with the value null counts as
// absent: `find_…` returns nothing for an absent key, `get_…` an error.
class JsonObject {
 public:
  // An error if `value` is not an object. `value` must outlive the result.
  static Result<JsonObject> of(const Json& value, std::string name);

  const std::string& name() const { return name_; }
  const Json& json() const { return *json_; }

  const Json* find(std::string_view key) const;  // null: absent
  bool has(std::string_view key) const { return find(key); }
  bool is_null(std::string_view key) const;  // present, with the value null

  Result<std::optional<int64_t>> find_int(std::string_view key, int64_t min = std::numeric_limits<int64_t>::min(),
                                          int64_t max = std::numeric_limits<int64_t>::max()) const;
  Result<std::optional<double>> find_double(std::string_view key) const;  // integers too; always finite
  Result<std::optional<bool>> find_bool(std::string_view key) const;
  Result<std::optional<std::string>> find_string(std::string_view key) const;
  Result<std::optional<JsonObject>> find_object(std::string_view key) const;  // named "config.json: rope_scaling"
  Result<std::optional<std::vector<int64_t>>> find_ints(std::string_view key) const;
  Result<std::optional<std::vector<std::string>>> find_strings(std::string_view key) const;

  Result<int64_t> get_int(std::string_view key, int64_t min = std::numeric_limits<int64_t>::min(),
                          int64_t max = std::numeric_limits<int64_t>::max()) const;
  Result<double> get_double(std::string_view key) const;
  Result<bool> get_bool(std::string_view key) const;
  Result<std::string> get_string(std::string_view key) const;
  Result<JsonObject> get_object(std::string_view key) const;

  // config.json: "num_heads" is "many", must be an integer
  Error wrong_value(std::string_view key, std::string_view must_be) const;

 private:
  JsonObject(const Json& json, std::string name) : json_(&json), name_(std::move(name)) {}
  Error missing(std::string_view key) const;

  const Json* json_;
  std::string name_;
};

// The value as one line for an error message, cut after about 80 bytes.
std::string json_excerpt(const Json& value);

}  // namespace braid
