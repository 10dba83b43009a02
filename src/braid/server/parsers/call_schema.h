// Schemas of calls, made from the schemas of their arguments. Tested by forced_calls_test.cc and strict_calls_test.cc.
#pragma once

#include <span>
#include <string>

#include "braid/formats/json.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

// Collects the schemas of several tools' arguments in one document, under "$defs" by the tools' names.
class CallSchemas {
 public:
  // A schema of the tool's arguments, to be used in the same document as defs().
  Json arguments(const ToolSpec& tool);
  // A schema of {"name": …, "arguments": …}. The model's format names the second key.
  Json call(const ToolSpec& tool, const char* arguments_key = "arguments");

  // A complete document with this schema.
  std::string document(Json schema) const;

 private:
  Json defs_ = Json::object();
};

// {"anyOf": […]}, or the schema itself if there is one.
Json any_of(Json schemas);

}  // namespace braid::parsers
