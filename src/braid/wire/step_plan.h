// One step of a DP group, decided by its publisher and followed by its subscribers: plain data, all that the model
// runner ever sees. Nothing a rank does in a step depends on anything else.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/request/ids.h"
#include "braid/request/sampling_params.h"
#include "braid/wire/move.h"

namespace braid {

// The pages of one sequence in one KV group (layers with the same attention window share a group): pages[i] holds the
// positions of page first_page + i, [(first_page + i) * page_size, …). What lies before is behind the window.
struct PageTable {
  int32_t first_page = 0;
  std::vector<PageId> pages = {};

  bool operator==(const PageTable&) const = default;
};

// What the sampler must know of a sequence beside its logits.
struct SamplingState {
  SamplingParams params;
  int32_t num_prompt_tokens = 0;
  int32_t num_output_tokens = 0;  // drawn so far; the next one's position in the random sequence
  bool is_masked = false;         // only tokens that its grammar allows: wire/token_masks.h has them
  // Tokens that the penalties count; empty when no penalty is set.
  std::vector<TokenId> prompt_tokens;
  std::vector<TokenId> output_tokens;

  bool operator==(const SamplingState&) const = default;
};

// Prompt tokens whose log-probabilities a step computes: tokens[j] is at the position after new token first_new + j, by
// whose logits it is judged. The last one may lie behind all new tokens.
struct PromptScoring {
  int32_t first_new = 0;
  std::vector<TokenId> tokens;
  int32_t top_logprobs = 0;

  bool operator==(const PromptScoring&) const = default;
};

// The part of one sequence that a step computes: tokens at positions [first_position, first_position +
// new_tokens.size()).
struct SequencePlan {
  RequestId request = 0;
  std::vector<TokenId> new_tokens;
  int32_t first_position = 0;          // = tokens already in the KV cache
  std::vector<PageTable> page_tables;  // one a KV group, covering all positions that the new tokens see
  bool samples = false;                // whether the last new token's logits give the next token
  SamplingState sampling;              // read only if `samples`
  PromptScoring scoring;               // of no tokens, usually
  bool has_long_rope = false;          // the model's factors for long requests, at all its positions

  bool has_result() const { return samples || !scoring.tokens.empty(); }

  bool operator==(const SequencePlan&) const = default;
};

// First pages leave, then pages arrive, each in their order, then the sequences are computed: a page that leaves may
// belong to another sequence already, and one that arrives may have been taken away again.
struct StepPlan {
  uint64_t step = 0;                    // 0: of moves alone
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
