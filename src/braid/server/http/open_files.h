// How many files, sockets included, this process may have open.
#pragma once

#include <cstddef>

namespace braid::http {

// Raises the soft limit to `wanted` if it is lower, as far as the hard limit allows. Returns what may be open now.
size_t raise_open_files(size_t wanted);

}  // namespace braid::http
