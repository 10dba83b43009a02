#include "braid/tokenizer/json/json_access.h"

namespace braid {

Result<JsonPart> JsonPart::field(const char* key) const {
  if (!value_->is_object()) return fail("{} is JSON's {}, not an object", name_, value_->type_name());
  std::string name = name_.empty() ? key : name_ + "." + key;
  static const Json kNull;
  const auto found = value_->find(key);
  return JsonPart(found == value_->end() ? kNull : *found, std::move(name));
}

Result<JsonPart> JsonPart::element(size_t index) const {
  return JsonPart((*value_)[index], fmt::format("{}[{}]", name_, index));
}

Result<size_t> JsonPart::array_size() const {
  if (!value_->is_array()) return fail("{} is JSON's {}, not an array", name_, value_->type_name());
  return value_->size();
}

Result<std::string> JsonPart::as_string() const {
  if (!value_->is_string()) return fail("{} is JSON's {}, not a string", name_, value_->type_name());
  return value_->get_ref<const std::string&>();
}

Result<int64_t> JsonPart::as_integer() const {
  // nlohmann::json holds numbers beyond int64 as unsigned; all are too large here.
  if (!value_->is_number_integer() || (value_->is_number_unsigned() && value_->get<uint64_t>() > INT64_MAX)) {
    return fail("{} is {}, not an integer", name_, value_->is_number() ? value_->dump() : value_->type_name());
  }
  return value_->get<int64_t>();
}

Result<bool> JsonPart::as_bool() const {
  if (!value_->is_boolean()) return fail("{} is JSON's {}, not true or false", name_, value_->type_name());
  return value_->get<bool>();
}

Result<std::string> JsonPart::string(const char* key) const {
  TRY(const JsonPart part, field(key));
  return part.as_string();
}

Result<bool> JsonPart::boolean(const char* key) const {
  TRY(const JsonPart part, field(key));
  return part.as_bool();
}

Result<std::string> JsonPart::string_or(const char* key, std::string otherwise) const {
  TRY(const JsonPart part, field(key));
  if (part.is_null()) return otherwise;
  return part.as_string();
}

Result<bool> JsonPart::boolean_or(const char* key, bool otherwise) const {
  TRY(const JsonPart part, field(key));
  if (part.is_null()) return otherwise;
  return part.as_bool();
}

Result<int64_t> JsonPart::integer(const char* key) const {
  TRY(const JsonPart part, field(key));
  return part.as_integer();
}

}  // namespace braid
