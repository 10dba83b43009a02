// What /v1/completions and /v1/chat/completions answer, from the engine's results.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/control/generation.h"
#include "braid/server/openai/requests.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::openai {

// One choice, its deltas joined.
struct ChoiceResult {
  std::string text;
  std::vector<SampledToken> tokens;
  std::vector<ScoredToken> prompt_logprobs;  // of choice 0 alone, where they are asked for
  FinishReason finish = FinishReason::kNone;
  MatchedStop matched_stop;
  Usage usage;
  std::string error;

  void add(const Delta& delta);
  bool is_finished() const { return finish != FinishReason::kNone; }
};

struct PromptResult {
  std::vector<TokenId> prompt_ids;
  std::string prompt_text;            // in front of each choice with echo
  std::vector<ChoiceResult> choices;  // n of them
};

struct ResponseHead {
  std::string id;         // "chatcmpl-…"
  int64_t created_s = 0;  // Unix time
  std::string model;
};

// The error of a choice that failed; nullopt: none did.
std::optional<ApiError> find_error(const std::vector<PromptResult>& results);

Json completion_response(const ResponseHead& head, const CompletionRequest& request,
                         const std::vector<PromptResult>& results, const Tokenizer& tokenizer);
Json chat_response(const ResponseHead& head, const ChatRequest& request, const PromptResult& result,
                   const Tokenizer& tokenizer);

// The text of a token for logprobs: its bytes, broken UTF-8 as U+FFFD.
std::string shown_token(const Tokenizer& tokenizer, TokenId token);

}  // namespace braid::openai
