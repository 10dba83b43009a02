// A request's results, one token at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"

namespace braid {

enum class FinishReason : uint8_t { kNone, kStop, kLength, kAbort, kError };

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0;  // log-softmax of the raw logits

  bool operator==(const TokenLogprob&) const = default;
};

struct SampledToken {
  TokenId token = 0;
  float logprob = 0;                       // only if the request asks for logprobs
  std::vector<TokenLogprob> top_logprobs;  // most likely first; ties go to the lowest id

  bool operator==(const SampledToken&) const = default;
};

// A prompt token: not drawn, but scored by the logits of the token before it. A placeholder of an image, which is no
// token of the vocabulary, has no score: its logprob is 0, without alternatives.
using ScoredToken = SampledToken;

}  // namespace braid
