// What a DP group says of one request after a step.
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
  std::optional<SampledToken> token;         // the next of its output; the last one too, if it completes a stop
  std::vector<ScoredToken> prompt_logprobs;  // the next ones, where its sampling asks for them; each comes once
  FinishReason finish = FinishReason::kNone;
  std::string error;          // with kError
  int32_t cached_tokens = 0;  // of the prompt, found in the prefix cache when it first ran; the same in every outcome

  bool operator==(const RequestOutcome&) const = default;
};

}  // namespace braid
