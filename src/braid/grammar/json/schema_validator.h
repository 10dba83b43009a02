// Whether a given value satisfies a schema: for enum and const beside other keywords, and for names of properties.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/json/schema_document.h"

namespace braid::grammar {

Result<bool> is_valid(SchemaDocument& document, Schema schema, const Json& value, int depth = 0);
// The keywords of the atom itself; `with_applicators`: and what it refers to and combines.
Result<bool> is_valid(SchemaDocument& document, const SchemaAtom& atom, const Json& value, bool with_applicators,
                      int depth = 0);

}  // namespace braid::grammar
