// Finds schemas of a document that say the same, whatever their titles, descriptions and defaults. Tested by
// schema_references_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/grammar/json/schema_atom.h"

namespace braid::grammar {

// What a schema says beside titles, descriptions and defaults, if that is one thing. Null or empty: something else.
struct OnlySaid {
  const std::string* reference = nullptr;  // "$ref"
  std::vector<Schema> all_or_any_of;       // the schemas of "anyOf", or the only one of "allOf"
};
// `reference_is_all`: see SchemaDialect.
OnlySaid only_said(const Json& schema, bool reference_is_all);

class EqualSchemas {
 public:
  // The first schema object asked about that says the same as `schema`. Only schemas of one `resource` are compared:
  // elsewhere equal references may differ in what they mean. Takes time linear in the document, for all schemas of it
  // together.
  Schema first(Schema schema, size_t resource, bool reference_is_all);

 private:
  size_t hash_of(const Json& schema, bool reference_is_all);

  std::unordered_map<Schema, size_t> hashes_;
  std::unordered_multimap<size_t, std::pair<size_t, Schema>> by_hash_;  // with its resource
};

}  // namespace braid::grammar
