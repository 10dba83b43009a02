// One step of a DP group, decided by its publisher and followed by its subscribers. Plain data. A model runner sees
// nothing else, so nothing that a rank does in a step depends on anything else.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/image_span.h"
#include "braid/request/sampling_params.h"
#include "braid/wire/move.h"

namespace braid {

// The pages of one sequence in one KV group (the layers with the same attention window): pages[i] holds the positions
// of page first_page + i, which begin at (first_page + i) * page_size. Earlier pages are behind the window.
struct PageTable {
  int32_t first_page = 0;
  std::vector<PageId> pages = {};

  bool operator==(const PageTable&) const = default;
};

// What the sampler must know about a sequence beside its logits.
struct SamplingState {
  SamplingParams params;
  int32_t num_prompt_tokens = 0;
  int32_t num_output_tokens = 0;  // drawn so far; also the next token's position in the random sequence
  bool is_masked = false;         // draw only tokens that its grammar allows (wire/token_masks.h)
  // Tokens that the penalties count; empty if no penalty needs them.
  std::vector<TokenId> prompt_tokens;  // with placeholders of images, which no penalty counts
  std::vector<TokenId> output_tokens;

  bool operator==(const SamplingState&) const = default;
};

// Prompt tokens whose log-probabilities a step computes. tokens[j] follows new token first_new + j, whose logits score
// it. The last one may lie behind all new tokens. Placeholders of images have no score.
struct PromptScoring {
  int32_t first_new = 0;
  std::vector<TokenId> tokens;
  int32_t top_logprobs = 0;

  bool operator==(const PromptScoring&) const = default;
};

// The part of one sequence that a step computes: the tokens at positions [first_position, first_position +
// new_tokens.size()).
struct SequencePlan {
  RequestId request = 0;
  std::vector<TokenId> new_tokens;
  int32_t first_position = 0;          // the number of tokens already in the KV cache
  std::vector<PageTable> page_tables;  // one for each KV group, covering all positions that the new tokens see
  bool samples = false;                // whether the next token is drawn from the last new token's logits
  SamplingState sampling;              // read only if `samples`
  PromptScoring scoring;               // usually of no tokens
  bool has_long_rope = false;          // uses the model's factors for long requests at all its positions
  std::vector<ImageSpan> images = {};  // those that begin before the end of the new tokens, in order

  bool has_result() const { return samples || !scoring.tokens.empty(); }

  bool operator==(const SequencePlan&) const = default;
};

// First the pages of `leaving` are copied out, then those of `arriving` copied in, each list in order, then the
// sequences are computed. A leaving page may already belong to another sequence, and an arriving one may have been
// taken away again.
struct StepPlan {
  uint64_t step = 0;                    // 0: the plan has only moves
  std::vector<SequencePlan> sequences;  // decode sequences first, then prefills
  std::vector<MovedPages> leaving = {};
  std::vector<MovedPages> arriving = {};

  bool moves_pages() const { return !leaving.empty() || !arriving.empty(); }

  int64_t num_tokens() const {
    int64_t total = 0;
    for (const auto& sequence : sequences) total += static_cast<int64_t>(sequence.new_tokens.size());
    return total;
  }

  bool operator==(const StepPlan&) const = default;
};

}  // namespace braid
