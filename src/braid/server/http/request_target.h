// The target of a request line as one path that all code above may trust: guard and router see the same bytes.
#pragma once

#include <string>
#include <string_view>

#include "braid/base/result.h"

namespace braid::http {

struct RequestTarget {
  std::string path;   // percent-decoded once, valid UTF-8, begins with '/': no "//", no "." or ".." segment, no '\', no
                      // control characters. Or "*".
  std::string query;  // after the '?', unchanged
};

// "/path?query", "http://host/path?query" or "*". An encoded slash counts as a slash.
Result<RequestTarget> parse_request_target(std::string_view target);

}  // namespace braid::http
