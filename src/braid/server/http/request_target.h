// The target of a request line, made into one path that everything above may trust: whoever compares it, guard or
// router, sees the same bytes.
#pragma once

#include <string>
#include <string_view>

#include "braid/base/result.h"

namespace braid::http {

struct RequestTarget {
  std::string path;   // percent-decoded once, valid UTF-8, begins with '/': no "//", no "." or ".." segment, no '\', no
                      // control characters. Or "*".
  std::string query;  // behind the '?', as it came
};

// "/path?query", "http://host/path?query" or "*". An encoded slash counts as a slash.
Result<RequestTarget> parse_request_target(std::string_view target);

}  // namespace braid::http
