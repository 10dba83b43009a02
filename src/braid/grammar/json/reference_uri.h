// Resolves the URI of a reference against that of the schema around it (RFC 3986, section 5.2). Tested by
// schema_references_test.cc.
#pragma once

#include <string>
#include <string_view>

namespace braid::grammar {

// `base` has no fragment; neither has the result. `reference` is cut at its '#'.
std::string resolved_uri(std::string_view base, std::string_view reference);

}  // namespace braid::grammar
