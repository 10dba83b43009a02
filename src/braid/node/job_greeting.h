// What the first process of a launched job tells the others, over MPI: where its front is. Pure. Tested by
// job_greeting_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

struct JobGreeting {
  std::string version;                 // of braid
  int32_t port = 0;                    // of the front; 0: this is not the first process
  std::vector<std::string> addresses;  // of the front's host
  std::string key;                     // as in a cluster's key file; empty: every process has the file

  bool operator==(const JobGreeting&) const = default;
};

std::string greeting_text(const JobGreeting& greeting);

// The first process's greeting, out of those of all processes in order. An error if one has another version, or says
// something else.
Result<JobGreeting> read_greetings(std::span<const std::string> texts);

}  // namespace braid
