// What a set of schemas that all must hold comes down to: references followed, allOf joined, and one list of schema
// objects for each combination of anyOf's and oneOf's branches.
#pragma once

#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/json/schema_document.h"

namespace braid::grammar {

// Schemas that all must hold: by address, each once. None: any value.
using SchemaSet = std::vector<Schema>;
SchemaSet schema_set(std::vector<Schema> schemas);

// All must hold, but for their references and combining keywords, which are dealt with.
using AtomList = std::vector<const SchemaAtom*>;

// A value satisfies the set if it satisfies one of these lists; none: no value does. An error if a schema is not
// supported, refers to itself without end, or combines too many branches; or if a oneOf's branches cannot be told
// apart.
Result<std::vector<AtomList>> alternatives_of(SchemaDocument& document, const SchemaSet& schemas);

// Whether certainly no value satisfies both.
Result<bool> are_disjoint(SchemaDocument& document, const AtomList& a, const AtomList& b, int depth = 0);

}  // namespace braid::grammar
