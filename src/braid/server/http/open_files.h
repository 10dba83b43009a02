// How many files, sockets included, this process may have open. Tested by server_limits_test.cc.
#pragma once

#include <cstddef>

namespace braid::http {

inline constexpr size_t kMaxRefusals = 64;  // connections beyond the limit that are being told so
inline constexpr size_t kOtherFiles = 192;  // that the rest of the process may have open

// What a server of so many connections needs.
constexpr size_t wanted_open_files(size_t max_connections) {
  return max_connections + kMaxRefusals + kOtherFiles;
}
// The hard limit, to which raise_open_files() can go.
size_t most_open_files();

// Raises the soft limit to `wanted` if it is lower, as far as the hard limit allows. Returns the limit in force.
size_t raise_open_files(size_t wanted);

}  // namespace braid::http
