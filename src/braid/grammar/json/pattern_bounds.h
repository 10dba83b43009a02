// Bounds of a text's length that its patterns state by looking ahead. Tested by bounded_text_test.cc.
#pragma once

#include "braid/grammar/json/string_schema.h"

namespace braid::grammar {

// Replaces a look-ahead over the whole text, "^(?=.{1,255}$)…", by a bound and the pattern "^.*$": bounds can be
// counted, where the look-ahead multiplies the pattern's states. What is looked for may be a class, too:
// "^(?=[a-z-]{3,63}$)…". The same texts satisfy both.
StringSchema with_bounds_of_patterns(StringSchema schema);

}  // namespace braid::grammar
