// What a DP group reports about one request after a step.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/sampled_token.h"

namespace braid {

// What became of one request in one step.
struct RequestOutcome {
  RequestId request = 0;
  std::optional<SampledToken> token;         // its next output token, also a last one that completes a stop
  std::vector<ScoredToken> prompt_logprobs;  // the next ones, if its sampling asks for them; each comes once
  FinishReason finish = FinishReason::kNone;
  std::string error;            // set with kError
  bool is_bad_request = false;  // the error is in what the request brought, such as an image
  int32_t cached_tokens = 0;    // prompt tokens found in the prefix cache when it first ran; the same in every outcome

  bool operator==(const RequestOutcome&) const = default;
};

}  // namespace braid
