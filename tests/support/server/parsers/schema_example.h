// Values for schemas of calls.
#pragma once

#include <string>

#include "braid/formats/json.h"

namespace braid::parsers::testing {

// A value that matches a schema of forced_calls.h or strict_calls.h.
inline std::string example_of(const Json& schema, const Json& root) {
  if (schema.contains("$ref")) {
    return example_of(root["$defs"][schema["$ref"].get<std::string>().substr(sizeof("#/$defs/") - 1)], root);
  }
  if (schema.contains("anyOf")) return example_of(schema["anyOf"][0], root);
  if (schema.contains("const")) return schema["const"].dump();
  if (schema["type"] == "array") return "[" + example_of(schema["items"], root) + "]";
  if (schema["type"] == "integer") return "7";
  std::string text = "{";
  const Json properties = schema.value("properties", Json::object());
  for (const auto& [key, property] : properties.items()) {
    text += (text.size() > 1 ? ", \"" : "\"") + key + "\": " + example_of(property, root);
  }
  return text + "}";
}

}  // namespace braid::parsers::testing
