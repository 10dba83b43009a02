// The times between one piece of a request's text and the next, by what the server did meanwhile, as far as its clients
// can see that.
#pragma once

#include <span>
#include <vector>

#include "braid/bench/serving/report.h"

namespace braid::serving {

// In seconds, of all requests that did not fail.
struct TokenGaps {
  std::vector<double> steady_s;     // nobody waited for a first token in them: all that were there decoded
  std::vector<double> disturbed_s;  // somebody did, so a prompt may have been computed beside

  std::vector<double> all() const;
};

// The gaps of `requests`; who waits for a first token is looked for among `waiting`, which may be the same.
TokenGaps token_gaps(std::span<const RequestTimes> requests, std::span<const RequestTimes> waiting);

}  // namespace braid::serving
