// The times between one piece of a request's text and the next, divided by what the server did meanwhile, as far as
// clients can see.
#pragma once

#include <span>
#include <vector>

#include "braid/bench/serving/report.h"

namespace braid::serving {

// In seconds, for all requests that did not fail.
struct TokenGaps {
  std::vector<double> steady_s;     // no request waited for a first token: all of them decoded
  std::vector<double> disturbed_s;  // some request did, so a prompt may have been computed at the same time

  std::vector<double> all() const;
};

// The gaps of `requests`. Waits for a first token are looked up in `waiting`, which may be the same list.
TokenGaps token_gaps(std::span<const RequestTimes> requests, std::span<const RequestTimes> waiting);

}  // namespace braid::serving
