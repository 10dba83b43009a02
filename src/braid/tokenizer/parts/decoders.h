// Decoders turn tokens back into text. Each is a stage of a stream (parts.h). Tested by
// ../combinations_reference_test.cc and ../incremental_decoder_test.cc.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/regex/regex.h"

namespace braid {

// The byte alphabet back to bytes. Joins all tokens; replaces broken UTF-8.
std::unique_ptr<TokenizerDecoder> make_byte_level_decoder();
// Runs of <0x00> … <0xFF> to their bytes. A run that is not valid UTF-8 as a whole becomes one U+FFFD for each byte, so
// a stream waits for the end of the run.
std::unique_ptr<TokenizerDecoder> make_byte_fallback_decoder();
// Replaces within each token, not across tokens.
std::unique_ptr<TokenizerDecoder> make_replace_decoder(std::string from, std::string to);
std::unique_ptr<TokenizerDecoder> make_regex_replace_decoder(Regex from, std::string to);
// Joins all tokens into one.
std::unique_ptr<TokenizerDecoder> make_fuse_decoder();
// Strips up to `start` characters `content` from each token's start, and up to `stop` from its end.
std::unique_ptr<TokenizerDecoder> make_strip_decoder(std::string content, size_t start, size_t stop);
// Turns `replacement` into a space. `strips_first`: removes it from the very first token.
std::unique_ptr<TokenizerDecoder> make_metaspace_decoder(std::string replacement, bool strips_first);
// Joins tokens with spaces, as a tokenizer without a decoder does.
std::unique_ptr<TokenizerDecoder> make_spaces_decoder();
std::unique_ptr<TokenizerDecoder> make_decoder_sequence(std::vector<std::unique_ptr<TokenizerDecoder>> parts);

}  // namespace braid
