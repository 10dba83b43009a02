// Percent-encoding in URLs (RFC 3986, section 2.1). Tested by percent_decoding_test.cc.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace braid {

// Where the first '%' is that two hexadecimal digits do not follow; npos if all are followed by them.
size_t find_bad_percent(std::string_view text);

// "%20" and the like as bytes. `text` has no bad percent.
std::string decode_percent(std::string_view text);

}  // namespace braid
