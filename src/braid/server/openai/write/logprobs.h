// Both of OpenAI's shapes of log-probabilities, for a whole choice or for a piece of one.
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

// How tokens show in one request's logprobs, so that their bytes, joined, are the choice's text.
class TokenNames {
 public:
  TokenNames(const Tokenizer& tokenizer, const CommonParameters& common)
      : tokenizer_(tokenizer), skips_special_tokens_(common.skip_special_tokens) {}

  // `is_first`: of its choice's text (some tokenizers drop the space in front of a text). Nothing for a special token
  // that the text leaves out.
  std::string bytes(TokenId token, bool is_first) const;
  // The same as text, broken UTF-8 as U+FFFD; a special token by its name.
  std::string shown(TokenId token, bool is_first) const;

 private:
  const Tokenizer& tokenizer_;
  bool skips_special_tokens_;
};

// Where the next token stands in its choice's text.
struct TextPlace {
  int64_t offset = 0;    // in characters
  bool is_first = true;  // no text stands before it
};

// With U+FFFD in the place of broken bytes.
std::string valid_utf8(std::string_view bytes);

// Of UTF-8 text.
int64_t num_characters(std::string_view text);

// The tokens of a delta (or of a whole choice) that logprobs list: not the one that completed a stop, unless its text
// belongs to the output.
std::span<const SampledToken> listed_tokens(std::span<const SampledToken> tokens, FinishReason finish,
                                            const MatchedStop& matched_stop, bool includes_stop);

// {"content": [{token, logprob, bytes, top_logprobs}]}. `place` goes on behind the last one.
Json chat_logprobs(std::span<const SampledToken> tokens, const TokenNames& names, TextPlace& place);

// {"tokens", "token_logprobs", "top_logprobs", "text_offset", "bytes"}: lists side by side, one entry a token.
class CompletionLogprobs {
 public:
  // `place` goes on with each token that is added.
  CompletionLogprobs(const TokenNames& names, TextPlace& place) : names_(names), place_(place) {}

  // A prompt's first token, of which no model says anything.
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

// The prompt's part of it, where echo goes with logprobs. `scores`: of its tokens but the first.
void add_prompt(std::span<const TokenId> prompt_ids, std::span<const ScoredToken> scores, CompletionLogprobs& logprobs);

}  // namespace braid::openai
