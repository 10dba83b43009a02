// How many files, sockets included, this process may have open. Tested by server_limits_test.cc.
#pragma once

#include <cstddef>

namespace braid::http {

// Raises the soft limit to `wanted` if it is lower, as far as the hard limit allows. Returns the limit in force.
size_t raise_open_files(size_t wanted);

}  // namespace braid::http
