// Formats log-probabilities in both of OpenAI's shapes, for a whole choice or a part of it. Tested by logprobs_test.cc
// and responses_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "braid/formats/json.h"
#include "braid/request/generation.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid::openai {

// The bytes and names of tokens in one request's logprobs. The bytes of a choice's tokens join to its text.
class TokenNames {
 public:
  TokenNames(const Tokenizer& tokenizer, const CommonParameters& common)
      : tokenizer_(tokenizer), skips_special_tokens_(common.skip_special_tokens) {}

  // `is_first`: the token begins the choice's text (some tokenizers drop the space there). Empty for a special token
  // that the text leaves out.
  std::string bytes(TokenId token, bool is_first) const;
  // The bytes with broken UTF-8 as U+FFFD; the name of a special token.
  std::string shown(TokenId token, bool is_first) const;

 private:
  const Tokenizer& tokenizer_;
  bool skips_special_tokens_;
};

// The next token's place in its choice's text.
struct TextPlace {
  int64_t offset = 0;    // in characters
  bool is_first = true;  // no text is in front of it
};

// Replaces broken bytes by U+FFFD.
std::string valid_utf8(std::string_view bytes);

// `text`: UTF-8.
int64_t num_characters(std::string_view text);

// The tokens of a delta, or of a whole choice, that logprobs list: all but a stop token, which is listed only if its
// text belongs to the output (`includes_stop`).
std::span<const SampledToken> listed_tokens(std::span<const SampledToken> tokens, FinishReason finish,
                                            const MatchedStop& matched_stop, bool includes_stop);

// {"content": [{token, logprob, bytes, top_logprobs}], "refusal": null}. Moves `place` behind the last token.
Json chat_logprobs(std::span<const SampledToken> tokens, const TokenNames& names, TextPlace& place);

// {"tokens", "token_logprobs", "top_logprobs", "text_offset", "bytes"}: parallel lists with one entry per token.
class CompletionLogprobs {
 public:
  // Each added token moves `place`.
  CompletionLogprobs(const TokenNames& names, TextPlace& place) : names_(names), place_(place) {}

  // A prompt's first token: it has no log-probability.
  void add_unjudged(TokenId token);
  void add(std::span<const SampledToken> tokens);

  Json json() &&;

 private:
  void add_entry(TokenId token, Json logprob, Json top);

  const TokenNames& names_;
  TextPlace& place_;
  Json tokens_ = Json::array();
  Json logprobs_ = Json::array();
  Json top_logprobs_ = Json::array();
  Json offsets_ = Json::array();
  Json bytes_ = Json::array();
};

// Adds the prompt, for a request with echo and logprobs. `scores`: of the prompt's tokens except the first.
void add_prompt(std::span<const TokenId> prompt_ids, std::span<const ScoredToken> scores, CompletionLogprobs& logprobs);

}  // namespace braid::openai
