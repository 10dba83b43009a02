// Schemas of calls, made from those of their arguments.
#pragma once

#include <span>
#include <string>

#include "braid/formats/json.h"
#include "braid/server/parsers/tool_set.h"

namespace braid::parsers {

// Collects the schemas of several tools' arguments in one document, under "$defs" by the tools' names.
class CallSchemas {
 public:
  // A schema of the tool's arguments; to be used in the same document as defs().
  Json arguments(const ToolSpec& tool);
  // Of {"name": …, "arguments": …}, the second key as it is called in the model's format.
  Json call(const ToolSpec& tool, const char* arguments_key = "arguments");

  // A whole document of `schema`.
  std::string document(Json schema) const;

 private:
  Json defs_ = Json::object();
};

// {"anyOf": […]}, or the only one.
Json any_of(Json schemas);

}  // namespace braid::parsers
