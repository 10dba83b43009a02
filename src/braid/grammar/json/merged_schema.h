// One case of a schema (a list of schema objects that must all hold), merged into one set of conditions for each type.
// Tested by schema_compiler_test.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/json/json_rules.h"
#include "braid/grammar/json/schema_alternatives.h"
#include "braid/grammar/json/string_schema.h"

namespace braid::grammar {

struct MergedSchema {
  const AtomList& atoms;
  std::string path;  // of the first schema object
  TypeSet types = kAnyType;
  std::optional<std::vector<const Json*>> values;  // the only allowed values; each satisfies all other conditions
  NumberRange numbers;
  StringSchema strings;
  uint32_t min_items = 0;
  std::optional<uint32_t> max_items;
  bool unique_items = false;
  uint32_t min_properties = 0;
  std::optional<uint32_t> max_properties;
  std::vector<std::string_view> forbidden_properties;
  std::optional<bool> only_boolean;  // the one that is not excluded
};

// `atoms` must outlive the result. Without "type", the types that the keywords refer to are assumed, if any.
Result<MergedSchema> merge(SchemaDocument& document, const AtomList& atoms);

}  // namespace braid::grammar
