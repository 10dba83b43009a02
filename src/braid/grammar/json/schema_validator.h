// Checks whether a given value satisfies a schema. Needed for enum and const beside other keywords, and for names of
// properties. Tested by schema_compiler_test.cc and schema_limits_test.cc.
#pragma once

#include "braid/base/result.h"
#include "braid/grammar/json/schema_document.h"

namespace braid::grammar {

Result<bool> is_valid(SchemaDocument& document, Schema schema, const Json& value, int depth = 0);
// Checks the keywords of the atom itself; with `with_applicators`, also the schemas that it refers to or combines.
Result<bool> is_valid(SchemaDocument& document, const SchemaAtom& atom, const Json& value, bool with_applicators,
                      int depth = 0);

}  // namespace braid::grammar
