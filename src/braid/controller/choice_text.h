// The text of one choice as it grows, in whole characters, searched for stop strings also across token borders.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "braid/request/generation.h"
#include "braid/request/ids.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

// How to decode a request's choices. The prompt is ids. After a prompt without text (for example a
// beginning-of-sequence token alone) the output continues no text.
TextStreamOptions text_stream_options(const GenerationRequest& request, const Tokenizer& tokenizer);

class ChoiceText {
 public:
  struct Options {
    std::vector<std::string> stop_strings;
    TextStreamOptions stream;
    bool include_stop_in_text = false;
    int32_t min_new_tokens = 0;  // stop strings are not searched for in the first min_new_tokens tokens
  };

  ChoiceText(const Tokenizer& tokenizer, Options options);

  // Returns the text that is certain after this token. Text that could be the start of a stop string is held back.
  std::string push(TokenId token);
  // Returns the rest when the output has ended without a stop string. `stop_token`: the token that ended it. It was not
  // pushed, and its text is not part of the output unless include_stop_in_text.
  std::string finish(std::optional<TokenId> stop_token);

  // The stop string that was found. After it no more tokens may be pushed.
  const std::optional<std::string>& matched_stop() const { return matched_stop_; }

 private:
  std::string take_certain(std::string fresh);
  size_t held_length() const;

  IncrementalDecoder decoder_;
  Options options_;
  std::string held_;  // decoded characters that could be the start of a stop string
  int32_t num_tokens_ = 0;
  std::optional<std::string> matched_stop_;
};

}  // namespace braid
