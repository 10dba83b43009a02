// What the scheduler knows about one admitted request. Tested by scheduler_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "braid/base/check.h"
#include "braid/request/prefix_hash.h"
#include "braid/request/sampled_token.h"
#include "braid/scheduler/scheduler.h"

namespace braid {

// The tokens by which the prefix cache finds a prefix: the tokens themselves, or, for a long request's keys, tokens
// that no vocabulary has.
struct PrefixKey {
  PrefixKey(std::span<const TokenId> plain, bool is_long) : tokens(plain) {
    if (!is_long) return;
    own.assign(plain.begin(), plain.end());
    for (TokenId& token : own) token |= kLongPrefixBit;
    tokens = own;
  }
  PrefixKey(const PrefixKey&) = delete;
  PrefixKey& operator=(const PrefixKey&) = delete;

  std::vector<TokenId> own;
  std::span<const TokenId> tokens;
};

struct Scheduler::Sequence {
  Sequence(SchedulerRequest request, SequencePages no_pages)
      : id(request.id),
        priority(request.priority),
        arrival(request.arrival),
        num_prompt_tokens(static_cast<int32_t>(request.prompt.size())),
        is_masked(request.is_masked),
        next_scored(request.first_scored()),
        sampling(std::move(request.sampling)),
        tokens(std::move(request.prompt)),
        pages(std::move(no_pages)) {
    for (const RequestImage& image : request.images) images.push_back(image.span);
    awaits_images = !images.empty();
  }

  const RequestId id;
  const int32_t priority;
  const uint64_t arrival;
  const int32_t num_prompt_tokens;
  const bool is_masked;
  int64_t next_scored;  // the next prompt token to be scored; num_prompt_tokens: none
  const SamplingParams sampling;
  std::vector<TokenId> tokens;  // prompt, then output
  std::vector<ImageSpan> images;
  int64_t num_computed = 0;  // tokens whose keys and values are in `pages`
  SequencePages pages;
  int32_t cached_tokens = 0;
  int32_t held_steps = 0;  // since it last ran: steps for which it was held back so that groups prefill together
  // While it waits: tokens that the prefix cache had of it when it was last looked up.
  std::optional<int64_t> expected_cached;
  int32_t set_aside = 0;           // tokens of the planned step that it may compute ahead of longer ones
  uint64_t last_step = 0;          // the last one that was to compute tokens of its prefill
  int32_t num_planned = 0;         // its tokens in the planned step
  int32_t num_planned_scored = 0;  // how many of its tokens that step scores
  bool awaits_images = false;      // not all of them have been made yet, so its prompt cannot be computed
  bool has_started = false;        // ran at least once
  bool has_long_rope = false;      // has the keys of a long request (SchedulerConfig::long_rope_from)
  bool is_running = false;         // holds pages; otherwise it waits for them
  bool lacks_room = false;         // the reason why it could not start when last tried
  bool is_decoding = false;        // only its last token is not computed; otherwise it is in prefill
  bool is_in_flight = false;       // the step under way writes its pages
  bool is_dropped = false;         // by abort()
  bool is_finished = false;        // to be removed

  // In which order sequences have their turn.
  bool comes_before(const Sequence& other) const {
    return std::tuple(-int64_t{priority}, arrival) < std::tuple(-int64_t{other.priority}, other.arrival);
  }
  int64_t num_tokens() const { return static_cast<int64_t>(tokens.size()); }
  int64_t num_uncomputed() const { return num_tokens() - num_computed; }
  int32_t num_output_tokens() const { return static_cast<int32_t>(num_tokens()) - num_prompt_tokens; }
  SequenceExtent extent() const { return {.num_tokens = num_tokens(), .num_computed = num_computed}; }
  bool generates() const { return sampling.max_new_tokens > 0; }  // otherwise only its prompt is scored

  // All of these tokens but the last may come from the prefix cache; the last one's logits are needed.
  std::span<const TokenId> reusable_tokens() const {
    return std::span(tokens).first(static_cast<size_t>(next_scored < num_prompt_tokens ? next_scored : num_tokens()));
  }

  void release_pages() {
    for (PageRun& run : pages) run = {};
  }

  // What the planned part scores: for each of its prompt tokens the token that follows, from next_scored on.
  PromptScoring scoring() const {
    if (next_scored >= num_prompt_tokens) return {};
    CHECK(next_scored > num_computed, "request {}: token {} is to be scored, {} are computed", id, next_scored,
          num_computed);
    const int64_t end = std::min<int64_t>(num_computed + num_planned + 1, num_prompt_tokens);
    if (next_scored >= end) return {};
    return {.first_new = static_cast<int32_t>(next_scored - 1 - num_computed),
            .tokens = {tokens.begin() + next_scored, tokens.begin() + end},
            .top_logprobs = sampling.top_logprobs};
  }

  // Called after a token was added.
  FinishReason finish_reason(int64_t context_len) const {
    const bool may_stop = num_output_tokens() > sampling.min_new_tokens;
    if (may_stop && std::ranges::find(sampling.stop_token_ids, tokens.back()) != sampling.stop_token_ids.end()) {
      return FinishReason::kStop;
    }
    const bool is_full = num_output_tokens() >= sampling.max_new_tokens || num_tokens() >= context_len;
    return is_full ? FinishReason::kLength : FinishReason::kNone;
  }

  SamplingState sampling_state() const {
    SamplingState state{.params = sampling,
                        .num_prompt_tokens = num_prompt_tokens,
                        .num_output_tokens = num_output_tokens(),
                        .is_masked = is_masked,
                        .prompt_tokens = {},
                        .output_tokens = {}};
    const bool repeats = sampling.repetition_penalty != 1.0F;
    const auto prompt_end = tokens.begin() + num_prompt_tokens;
    if (repeats) state.prompt_tokens.assign(tokens.begin(), prompt_end);
    if (repeats || sampling.presence_penalty != 0.0F || sampling.frequency_penalty != 0.0F) {
      state.output_tokens.assign(prompt_end, tokens.end());
    }
    return state;
  }
};

}  // namespace braid
