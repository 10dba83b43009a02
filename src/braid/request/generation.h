// A request to the engine, and the deltas that answer it. Plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "braid/request/grammar_constraint.h"
#include "braid/request/ids.h"
#include "braid/request/request_image.h"
#include "braid/request/sampled_token.h"
#include "braid/request/sampling_params.h"

namespace braid {

struct GenerationRequest {
  std::variant<std::string, std::vector<TokenId>> prompt;
  // One for each of the model's image tokens in the prompt, in order. The engine puts as many tokens in its place as
  // the image needs.
  std::vector<RequestImage> images = {};
  // One for each of the model's video tokens in the prompt, in order. The engine makes images of them.
  std::vector<RequestVideo> videos = {};
  bool add_special_tokens = true;  // to a text prompt; false for a chat template's, which contains its own
  // The output continues the prompt's text, as a completion does. False: it is a text of its own, like an answer in a
  // chat, and a SentencePiece tokenizer drops its first space.
  bool continues_text = true;
  // stop_token_ids: the caller's; the engine adds the model's end-of-sequence ids unless ignore_eos.
  // prompt_logprobs_start: asks for the prompt's log-probabilities (and for nothing else if max_new_tokens is 0). They
  // are the same for all choices, so only choice 0 gets them.
  SamplingParams sampling;
  bool until_context_end = false;  // max_new_tokens is the rest of the context
  bool ignore_eos = false;
  std::vector<std::string> stop_strings;
  int32_t n = 1;                    // choices; choice 0 equals the only one of n = 1
  bool skip_special_tokens = true;  // in the text
  bool include_stop_in_text = false;
  int32_t priority = 0;  // larger first, under --schedule-policy priority
  // The DP group to run in. A hint, obeyed if the group has room when the request's turn comes; with dp_rank_strict the
  // request runs in this group only, however long it must wait.
  std::optional<int32_t> dp_rank = {};
  bool dp_rank_strict = false;
  // The output's form. The output ends (FinishReason::kStop) when it is complete and nothing can follow, regardless of
  // ignore_eos and min_new_tokens.
  std::optional<GrammarConstraint> grammar = {};
  // What an earlier run of this request has delivered, if n is 1: the output goes on behind it with the same bits, and
  // only what follows is delivered. The prompt's log-probabilities come before the first token, so they are not
  // repeated.
  std::vector<TokenId> output_so_far = {};
};

struct Usage {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;  // of the prompt, found in the prefix cache
  int32_t output_tokens = 0;  // of this choice, including the one that completed a stop
};

// What stopped a choice: a token id or a string of the request.
using MatchedStop = std::variant<std::monostate, TokenId, std::string>;

// What one step adds to one choice.
struct Delta {
  int32_t index = 0;                          // of the choice
  std::string text;                           // whole characters; a choice's deltas join to its text
  std::vector<SampledToken> tokens;           // a choice's deltas join to its output
  std::vector<ScoredToken> prompt_logprobs;   // these join to the prompt from max(1, prompt_logprobs_start) on
  FinishReason finish = FinishReason::kNone;  // kNone except in a choice's last delta
  MatchedStop matched_stop;
  Usage usage;
  std::optional<double> queue_s;  // seconds from submission to admission; absent: still waiting
  std::string error;              // with FinishReason::kError
  bool is_bad_request = false;    // RequestOutcome's
};

// Called on the engine's thread, at most once per step and choice. Must not block, nor call the engine's destructor. If
// it throws, it is not called again, and its request is aborted.
using DeltaCallback = std::function<void(const Delta&)>;

}  // namespace braid
