#include "braid/server/parsers/forced_calls.h"

#include <utility>

#include "braid/server/parsers/call_schema.h"

namespace braid::parsers {

std::string forced_calls_schema(std::span<const ToolSpec> tools, const ToolChoice& choice, bool parallel) {
  const bool is_named = choice.mode == ToolChoice::Mode::kNamed;
  CallSchemas schemas;
  Json calls = Json::array();
  for (const ToolSpec& tool : tools) {
    if (!is_named || tool.name == choice.name) calls.push_back(schemas.call(tool));
  }
  Json one = any_of(std::move(calls));
  if (is_named || !parallel) return schemas.document(std::move(one));
  return schemas.document({{"type", "array"}, {"items", std::move(one)}, {"minItems", 1}});
}

}  // namespace braid::parsers
