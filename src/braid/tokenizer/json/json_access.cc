#include "braid/tokenizer/json/json_access.h"

#include <algorithm>

namespace braid {
namespace {

constexpr int kMaxDepth = 64;

// Brackets open at the same time, at most.
int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Result<Json> parse_tokenizer_json(std::string_view text) {
  if (const int depth = nesting_depth(text); depth > kMaxDepth) {
    return fail("it is nested {} deep, at most {} are allowed", depth, kMaxDepth);
  }
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail("it is not valid JSON");
  if (!json.is_object()) return fail("it is JSON's {}, not an object", json.type_name());
  return json;
}

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
  // Numbers beyond int64 are unsigned there, and too large for anything here.
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
