// The keywords of JSON schemas, of draft 4 and later and of OpenAPI 3.0, and what to tell about others. Tested by
// schema_keywords_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"

namespace braid::grammar {

// Where the value of a keyword holds further schemas.
enum class Holds : uint8_t {
  kNoSchema,
  kSchema,   // it is one, or a list of them
  kMembers,  // its members are schemas, by names that are no keywords
};

struct Keyword {
  std::string_view name;
  Holds holds = Holds::kNoSchema;
  bool restricts = true;  // or changes what others say. False: values are valid or not whatever it says
};
// Null for a keyword that no specification has. It is an annotation: it does not restrict values.
const Keyword* find_keyword(std::string_view name);

// An error that names the first keyword or format that is unknown and would restrict nothing, for requests that want
// their schema obeyed to the letter ("strict").
Status check_strict_schema(const Json& schema);

// One message for each unknown keyword that looks like a known one ("additonalProperties"), of the first few hundred.
std::vector<std::string> near_misses(const Json& schema);

}  // namespace braid::grammar
