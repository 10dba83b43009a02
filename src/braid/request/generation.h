// A request as a caller of the engine states it, and what it gets back. Plain data.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "braid/request/grammar_constraint.h"
#include "braid/request/ids.h"
#include "braid/request/sampled_token.h"
#include "braid/request/sampling_params.h"

namespace braid {

struct GenerationRequest {
  std::variant<std::string, std::vector<TokenId>> prompt;
  bool add_special_tokens = true;  // to a text prompt; a prompt made by a chat template has its own
  // The text goes on where the prompt's ends, as a completion does; false: it is a text of its own, as an answer in a
  // chat is, and a SentencePiece tokenizer drops its first space.
  bool continues_text = true;
  // stop_token_ids are the caller's own: the model's end-of-sequence ids are added unless ignore_eos.
  // prompt_logprobs_start asks for the prompt's log-probabilities (with max_new_tokens 0: for nothing else), which
  // choice 0 alone gets: they are the same for all.
  SamplingParams sampling;
  bool until_context_end = false;  // max_new_tokens is what the context leaves
  bool ignore_eos = false;
  std::vector<std::string> stop_strings;
  int32_t n = 1;                    // choices; choice 0 is that of n = 1
  bool skip_special_tokens = true;  // in the text
  bool include_stop_in_text = false;
  int32_t priority = 0;  // larger first, under --schedule-policy priority
  // The DP group to run in: where it has room when the request's turn comes; or, strictly, there and nowhere else,
  // however long it must wait for that.
  std::optional<int32_t> dp_rank = {};
  bool dp_rank_strict = false;
  // The output's form. It ends (FinishReason::kStop) where it is complete and nothing can follow, whatever ignore_eos
  // and min_new_tokens say.
  std::optional<GrammarConstraint> grammar = {};
};

struct Usage {
  int32_t prompt_tokens = 0;
  int32_t cached_tokens = 0;  // of the prompt, found in the prefix cache
  int32_t output_tokens = 0;  // of this choice, the one that completed a stop included
};

// What stopped a choice: a token id or a string of the request.
using MatchedStop = std::variant<std::monostate, TokenId, std::string>;

// One step's news of one choice.
struct Delta {
  int32_t index = 0;                          // of the choice
  std::string text;                           // joined over a choice's deltas: its text; always whole characters
  std::vector<SampledToken> tokens;           // joined: its output
  std::vector<ScoredToken> prompt_logprobs;   // joined: the prompt's tokens from max(1, prompt_logprobs_start) on
  FinishReason finish = FinishReason::kNone;  // other than kNone in a choice's last delta alone
  MatchedStop matched_stop;
  Usage usage;
  std::optional<double> queue_s;  // from its submission to its admission, in seconds; absent: it still waits
  std::string error;              // with FinishReason::kError
};

// Called on the engine's thread, once a step and choice at most; must not block and must not call the engine's
// destructor.
using DeltaCallback = std::function<void(const Delta&)>;

}  // namespace braid
