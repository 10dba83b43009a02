#include "braid/server/parsers/call_schema.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace braid::parsers {

namespace {

// Moves a schema from its own document to a place in another one, together with its references.
class Mover {
 public:
  Mover(std::string key, std::string id) : key_(std::move(key)), id_(std::move(id)) {}

  void move(Json& schema) const {
    if (schema.is_array()) {
      for (Json& item : schema) move(item);
    }
    if (!schema.is_object()) return;
    for (auto& [key, value] : schema.get_ref<Json::object_t&>()) {
      if (key == "$ref" || key == "$dynamicRef") {
        if (value.is_string()) value = moved_reference(value.get<std::string>());
      } else if (key == "$anchor" || key == "$dynamicAnchor") {
        if (value.is_string()) value = key_ + "." + value.get<std::string>();
      } else if (key == "properties" || key == "patternProperties" || key == "$defs" || key == "definitions" ||
                 key == "dependentSchemas") {
        if (!value.is_object()) continue;
        for (auto& [name, member] : value.get_ref<Json::object_t&>()) move(member);  // here names may be anything
      } else if (key != "const" && key != "enum" && key != "default" && key != "examples") {
        move(value);
      }
    }
  }

 private:
  std::string moved_reference(std::string_view reference) const {
    if (!id_.empty() && reference.starts_with(id_)) reference.remove_prefix(id_.size());
    if (reference.empty() || reference == "#") return "#/$defs/" + key_;
    if (reference.starts_with("#/")) return "#/$defs/" + key_ + std::string(reference.substr(1));
    if (reference.starts_with('#')) return "#" + key_ + "." + std::string(reference.substr(1));
    return std::string(reference);  // to another document: compiling the schema reports it
  }

  const std::string key_;
  const std::string id_;
};

bool has_any(const Json& schema, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (schema.contains(key)) return true;
  }
  return false;
}

// Whether the schema means only the members listed in "properties".
bool lists_all_members(const Json& schema) {
  const auto properties = schema.find("properties");
  if (properties == schema.end() || !properties->is_object()) return false;
  if (has_any(schema, {"additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames", "$ref",
                       "anyOf", "oneOf", "allOf", "not", "if", "minProperties"})) {
    return false;
  }
  const auto required = schema.find("required");
  if (required == schema.end() || !required->is_array()) return true;
  for (const Json& name : *required) {
    if (name.is_string() && !properties->contains(name.get_ref<const std::string&>())) return false;
  }
  return true;
}

}  // namespace

Json CallSchemas::arguments(const ToolSpec& tool) {
  if (tool.parameters.empty()) {
    return {{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  }
  auto parsed = parse_json(tool.parameters);
  Json schema = parsed.ok() && parsed->is_object() ? std::move(parsed).value() : Json::object();
  const auto id = schema.find("$id");
  const std::string& key = tool.name;
  Mover(key, id != schema.end() && id->is_string() ? id->get<std::string>() : "").move(schema);
  schema.erase("$id");
  schema.erase("$schema");
  if (!has_any(schema, {"type", "$ref", "anyOf", "oneOf", "allOf"})) schema["type"] = "object";
  // Arguments that the tool does not list are of no use, even if a schema allows them by not forbidding them.
  if (lists_all_members(schema)) schema["additionalProperties"] = false;
  defs_[key] = std::move(schema);
  return {{"$ref", "#/$defs/" + key}};
}

Json CallSchemas::call(const ToolSpec& tool, const char* arguments_key) {
  Json properties = Json::object();
  properties["name"] = {{"const", tool.name}};
  properties[arguments_key] = arguments(tool);
  return {{"type", "object"},
          {"properties", std::move(properties)},
          {"required", Json::array({"name", arguments_key})},
          {"additionalProperties", false}};
}

std::string CallSchemas::document(Json schema) const {
  if (!defs_.empty()) schema["$defs"] = defs_;
  return schema.dump();
}

Json any_of(Json schemas) {
  if (schemas.size() == 1) return std::move(schemas.front());
  Json joined = Json::object();
  joined["anyOf"] = std::move(schemas);
  return joined;
}

}  // namespace braid::parsers
