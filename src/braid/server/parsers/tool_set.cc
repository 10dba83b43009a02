// Finds the kinds of a tool's parameters in its schema.
#include "braid/server/parsers/tool_set.h"

#include "braid/formats/json.h"

namespace braid::parsers {

namespace {

// For all of a request's schemas together. After that a parameter takes any kind: a schema may refer to itself, or be
// huge.
constexpr int64_t kMaxSteps = 1'000'000;
constexpr int kMaxDepth = 32;

ValueKinds kind_named(std::string_view type) {
  if (type == "string") return kStringValue;
  if (type == "number" || type == "integer") return kNumberValue;
  if (type == "boolean") return kBooleanValue;
  if (type == "null") return kNullValue;
  if (type == "array") return kArrayValue;
  if (type == "object") return kObjectValue;
  return kAnyValue;
}

const Json* member(const Json& object, std::string_view key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

class KindFinder {
 public:
  void set_root(const Json& root) { root_ = &root; }
  ValueKinds find(const Json& schema) { return of_schema(schema, 0); }

 private:
  const Json* member(const Json& object, std::string_view key) {
    steps_left_ -= static_cast<int64_t>(object.size()) / 8 + 1;
    return braid::parsers::member(object, key);
  }

  // "#/$defs/Place"; null: it does not exist. ("~1" and "~0" spell "/" and "~".)
  const Json* resolve(std::string_view reference) {
    if (!reference.starts_with('#')) return nullptr;
    reference.remove_prefix(1);
    const Json* at = root_;
    while (!reference.empty()) {
      if (reference.front() != '/' || !at->is_object()) return nullptr;
      reference.remove_prefix(1);
      const std::string_view spelled = reference.substr(0, reference.find('/'));
      reference.remove_prefix(spelled.size());
      std::string key;
      for (size_t i = 0; i < spelled.size(); ++i) {
        const bool is_escape = spelled[i] == '~' && i + 1 < spelled.size();
        key += is_escape ? (spelled[++i] == '1' ? '/' : '~') : spelled[i];
      }
      at = member(*at, key);
      if (at == nullptr) return nullptr;
    }
    return at;
  }

  ValueKinds of_any(const Json& schemas, int depth) {
    ValueKinds kinds = 0;
    for (const Json& one : schemas) kinds |= of_schema(one, depth + 1);
    return kinds;
  }

  ValueKinds of_type(const Json& type) {
    if (type.is_string()) return kind_named(type.get_ref<const std::string&>());
    ValueKinds kinds = 0;
    if (type.is_array()) {
      for (const Json& one : type) kinds |= one.is_string() ? kind_named(one.get_ref<const std::string&>()) : kAnyValue;
    }
    return kinds == 0 ? kAnyValue : kinds;
  }

  ValueKinds of_schema(const Json& schema, int depth) {
    if (!schema.is_object() || depth > kMaxDepth || steps_left_ < 0) return kAnyValue;
    ValueKinds kinds = kAnyValue;
    if (const Json* type = member(schema, "type")) kinds &= of_type(*type);
    if (const Json* reference = member(schema, "$ref"); reference != nullptr && reference->is_string()) {
      const Json* const target = resolve(reference->get_ref<const std::string&>());
      if (target != nullptr) kinds &= of_schema(*target, depth + 1);
    }
    for (const char* key : {"anyOf", "oneOf"}) {
      if (const Json* choices = member(schema, key); choices != nullptr && choices->is_array()) {
        kinds &= of_any(*choices, depth);
      }
    }
    if (const Json* parts = member(schema, "allOf"); parts != nullptr && parts->is_array()) {
      for (const Json& part : *parts) kinds &= of_schema(part, depth + 1);
    }
    if (const Json* values = member(schema, "enum"); values != nullptr && values->is_array()) {
      ValueKinds listed = 0;
      for (const Json& value : *values) listed |= kind_of(value);
      kinds &= listed;
    }
    if (const Json* value = member(schema, "const")) kinds &= kind_of(*value);
    return kinds == 0 ? kAnyValue : kinds;
  }

  const Json* root_ = nullptr;
  int64_t steps_left_ = kMaxSteps;
};

}  // namespace

ValueKinds kind_of(const Json& value) {
  if (value.is_string()) return kStringValue;
  if (value.is_number()) return kNumberValue;
  if (value.is_boolean()) return kBooleanValue;
  if (value.is_null()) return kNullValue;
  return value.is_array() ? kArrayValue : kObjectValue;
}

ToolSet::ToolSet(std::span<const ToolSpec> tools) {
  KindFinder finder;
  for (const ToolSpec& tool : tools) {
    Parameters& parameters = parameters_[tool.name];
    const auto schema = tool.parameters.empty() ? Result<Json>(Json()) : parse_json(tool.parameters);
    if (!schema.ok() || !schema->is_object()) continue;
    const Json* const properties = member(*schema, "properties");
    if (properties == nullptr || !properties->is_object()) continue;
    finder.set_root(*schema);
    for (const auto& [name, property] : properties->items()) parameters.emplace(name, finder.find(property));
  }
}

ValueKinds ToolSet::kinds(std::string_view tool, std::string_view parameter) const {
  const auto known = parameters_.find(tool);
  if (known == parameters_.end()) return kAnyValue;
  const auto found = known->second.find(parameter);
  return found == known->second.end() ? kAnyValue : found->second;
}

ToolSet::Parameters ToolSet::parameters(std::string_view tool) const {
  const auto known = parameters_.find(tool);
  return known == parameters_.end() ? Parameters() : known->second;
}

}  // namespace braid::parsers
