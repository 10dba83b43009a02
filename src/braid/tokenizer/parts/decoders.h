// Decoders: how tokens become text again. Each is a stage of a stream (parts.h).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/regex/regex.h"

namespace braid {

// The byte alphabet back to bytes, all tokens joined, broken UTF-8 replaced.
std::unique_ptr<TokenizerDecoder> make_byte_level_decoder();
// Runs of <0x00> … <0xFF> to what they spell; a run that is not valid UTF-8 as a whole is one U+FFFD for each byte, so
// a stream waits for the run's end.
std::unique_ptr<TokenizerDecoder> make_byte_fallback_decoder();
// Within each token (not across tokens).
std::unique_ptr<TokenizerDecoder> make_replace_decoder(std::string from, std::string to);
std::unique_ptr<TokenizerDecoder> make_regex_replace_decoder(Regex from, std::string to);
// All tokens to one.
std::unique_ptr<TokenizerDecoder> make_fuse_decoder();
// Takes up to `start` characters `content` off each token's start and up to `stop` off its end.
std::unique_ptr<TokenizerDecoder> make_strip_decoder(std::string content, size_t start, size_t stop);
// `replacement` to spaces; `strips_first`: those of the very first token to nothing.
std::unique_ptr<TokenizerDecoder> make_metaspace_decoder(std::string replacement, bool strips_first);
// Tokens joined by spaces: what a tokenizer without a decoder does.
std::unique_ptr<TokenizerDecoder> make_spaces_decoder();
std::unique_ptr<TokenizerDecoder> make_decoder_sequence(std::vector<std::unique_ptr<TokenizerDecoder>> parts);

}  // namespace braid
