// The text of one choice as it grows: whole characters alone, and judged for stop strings, also across token borders.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/generation.h"
#include "braid/request/ids.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

// How the text of a request's choices is shown; the prompt is ids. After a prompt that shows no text (a
// beginning-of-sequence token alone, say) there is none to go on from.
TextStreamOptions text_stream_options(const GenerationRequest& request, const Tokenizer& tokenizer);

class ChoiceText {
 public:
  struct Options {
    std::vector<std::string> stop_strings;
    TextStreamOptions stream;
    bool include_stop_in_text = false;
    int32_t min_new_tokens = 0;  // stop strings are not looked for before so many tokens
  };

  ChoiceText(const Tokenizer& tokenizer, Options options);

  // The text that has become certain with this token. Text that may yet turn out to be a stop string is held back.
  std::string push(TokenId token);
  // The rest, when the output has ended without a stop string. `stop_token`: the token that ended it, whose own text
  // does not belong to the output (it was not pushed), unless the stop is to be included.
  std::string finish(std::optional<TokenId> stop_token);

  // The stop string that was found; no more tokens may be pushed then.
  const std::optional<std::string>& matched_stop() const { return matched_stop_; }

 private:
  std::string take_certain(std::string fresh);
  size_t held_length() const;

  IncrementalDecoder decoder_;
  Options options_;
  std::string held_;  // certain characters that begin a stop string
  int32_t num_tokens_ = 0;
  std::optional<std::string> matched_stop_;
};

}  // namespace braid
