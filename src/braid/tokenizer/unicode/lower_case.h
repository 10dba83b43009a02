// Unicode's lower case of single characters, version 17.0, as in the reference. Tested by
// ../parts/parts_reference_test.cc.
#pragma once

#include <string>

namespace braid::unicode {

// Appends the lower case to `out` in UTF-8: "i̇" for U+0130, else one character.
void append_lower_case(char32_t code_point, std::string& out);

}  // namespace braid::unicode
