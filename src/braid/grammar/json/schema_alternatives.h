// Expands a set of schemas that must all hold: follows references, joins allOf, and lists the schema objects for each
// combination of anyOf's and oneOf's branches. Tested by schema_compiler_test.cc.
#pragma once

#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/json/schema_document.h"

namespace braid::grammar {

// Schemas that must all hold, each once, in the order in which they were found: an object's properties come in that
// order. An empty set allows any value.
using SchemaSet = std::vector<Schema>;
SchemaSet schema_set(std::vector<Schema> schemas);

// Equal for the same schemas in any order. To look sets up; nothing may follow its order, which is that of addresses.
struct SchemaSetKey {
  std::vector<Schema> sorted;

  auto operator<=>(const SchemaSetKey&) const = default;
};
SchemaSetKey lookup_key(const SchemaSet& schemas);

// All must hold, except for their references and combining keywords, which are already expanded.
using AtomList = std::vector<const SchemaAtom*>;

// The atom that lists the fewest values; null if none lists any.
const SchemaAtom* fewest_values(const AtomList& atoms);

// A value satisfies the set if it satisfies one of the lists; without a list, no value does. An error if a schema is
// not supported, refers to itself without end, or combines too many branches, or if a oneOf's branches are not
// certainly disjoint.
Result<std::vector<AtomList>> alternatives_of(SchemaDocument& document, const SchemaSet& schemas);

// True if certainly no value satisfies both.
Result<bool> are_disjoint(SchemaDocument& document, const AtomList& a, const AtomList& b, int depth = 0);

}  // namespace braid::grammar
