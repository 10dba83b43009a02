// Typed access to a tokenizer.json. Every error names the part and the field. Tested by tokenizer_json_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/formats/json.h"

namespace braid {

// A view of a JSON value, with its name for errors ("normalizer", "pre_tokenizer.pretokenizers[0]").
class JsonPart {
 public:
  JsonPart(const Json& value, std::string name) : value_(&value), name_(std::move(name)) {}

  const Json& value() const { return *value_; }
  const std::string& name() const { return name_; }
  bool is_null() const { return value_->is_null(); }

  // The field, or a null part if it is absent. An error if this part is not an object.
  Result<JsonPart> field(const char* key) const;
  Result<JsonPart> element(size_t index) const;
  // The number of elements. An error if this part is not an array.
  Result<size_t> array_size() const;

  Result<std::string> as_string() const;
  Result<int64_t> as_integer() const;
  Result<bool> as_bool() const;

  Result<std::string> string(const char* key) const;
  Result<bool> boolean(const char* key) const;
  Result<std::string> string_or(const char* key, std::string otherwise) const;
  Result<bool> boolean_or(const char* key, bool otherwise) const;
  Result<int64_t> integer(const char* key) const;

 private:
  const Json* value_;
  std::string name_;
};

}  // namespace braid
