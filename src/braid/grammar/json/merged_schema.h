// One case of a schema (a list of schema objects that all must hold) as one set of conditions for each type.
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
  std::string path;  // of the first
  TypeSet types = kAnyType;
  std::optional<std::vector<const Json*>> values;  // these alone; each satisfies all other conditions
  NumberRange numbers;
  StringSchema strings;
  uint32_t min_items = 0;
  std::optional<uint32_t> max_items;
  bool unique_items = false;
  uint32_t min_properties = 0;
  std::optional<uint32_t> max_properties;
  std::vector<std::string_view> forbidden_properties;
};

// `atoms` must outlive the result. Without a type, one is assumed from what the keywords speak of, if they do.
Result<MergedSchema> merge(SchemaDocument& document, const AtomList& atoms);

}  // namespace braid::grammar
