// Conditions as cases: what a value must satisfy if it does not satisfy a schema ("not", and the other side of "if",
// of "dependentRequired" and of "oneOf"). Tested by schema_conditions_test.cc.
#pragma once

#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/json/schema_document.h"

namespace braid::grammar {

// A schema of values that do not satisfy `schema`: all of them, except objects that differ only by keys that `schema`
// does not name, values for which more than one branch of a "oneOf" holds, and values that fail only by a keyword
// without an opposite. An error if all of its keywords are such.
Result<Schema> complement_of(SchemaDocument& document, Schema schema);

// What the atom's conditions ("not", "if", "dependent…") demand: each of these schemas must hold.
Result<std::vector<Schema>> conditions_of(SchemaDocument& document, const SchemaAtom& atom);

}  // namespace braid::grammar
