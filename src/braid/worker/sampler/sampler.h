// Chooses the next token from a row of logits. Pure functions, one thread for each row. Equal rows and states lead to
// equal tokens on every processor (row_scan.h), whatever else was sampled before or in parallel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/request/sampled_token.h"
#include "braid/wire/step_plan.h"
#include "braid/worker/sampler/selection.h"

namespace braid {

// Memory that calls reuse, one for each thread. Its contents never change a result.
struct SamplerScratch {
  std::vector<float> row;
  std::vector<float> weights;
  std::vector<double> block_sums;
  std::vector<int32_t> counts;
  std::vector<TokenId> ids;  // candidates, ascending
  std::vector<float> candidate_logits;
  std::vector<float> candidate_weights;
  std::vector<float> kept_weights;
  SelectionScratch selection;
};

// In this order: repetition penalty, presence and frequency penalties, logit_bias, the grammar's mask, stop tokens
// masked before min_new_tokens (penalties.h); then, with temperature 0, the largest logit; otherwise temperature,
// top_k, top_p (of what top_k left), min_p (relative to the most likely), and a draw with the number of (seed,
// num_output_tokens). Ties go to the lowest id. Log-probabilities are the log-softmax of the raw logits, most likely
// first, ties to the lowest id.
//
// `logits`: one float32 for each token of the vocabulary (no padding). An error, which ends the request alone: a NaN or
// an infinite logit, or no token left to choose.
//
// `mask`: a bit for each token that may be chosen (token_masks.h); empty: any may.
Result<SampledToken> sample(std::span<const float> logits, const SamplingState& state, SamplerScratch& scratch,
                            std::span<const uint32_t> mask = {});

// Whether sample() would choose the row's largest logit and return nothing more. Does not consider a mask.
bool takes_largest(const SamplingState& state);

// The log-probability of a given token by the raw logits and, if num_top > 0, the most likely tokens. Errors as above.
Result<ScoredToken> score(std::span<const float> logits, TokenId token, int32_t num_top, SamplerScratch& scratch);

}  // namespace braid
