// Pre-tokenizers: how a text is cut into words before the model sees them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/parts/byte_alphabet.h"
#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/regex/regex.h"

namespace braid {

// What becomes of the matches of a Split, which delimit the pieces between them.
enum class SplitBehaviour { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// `invert`: what lies between the matches is the delimiter.
std::unique_ptr<PreTokenizer> make_split(Regex regex, SplitBehaviour behaviour, bool invert);

// Bytes to the characters of the byte alphabet. `add_prefix_space`: each piece starts with a space. `use_regex`: split
// as GPT-2 does before.
Result<std::unique_ptr<PreTokenizer>> make_byte_level(bool add_prefix_space, bool use_regex);

// Digits (what Rust calls numeric) apart from the rest, in runs or one by one.
std::unique_ptr<PreTokenizer> make_digits(bool individual_digits);

// Runs of word characters, and runs of what is neither word nor space.
Result<std::unique_ptr<PreTokenizer>> make_whitespace();
// What stands between white space.
std::unique_ptr<PreTokenizer> make_whitespace_split();
// Each punctuation character is a match.
std::unique_ptr<PreTokenizer> make_punctuation(SplitBehaviour behaviour);

enum class PrependScheme { kNever, kFirst, kAlways };
// Spaces to `replacement` (one character), which also goes in front where the scheme says; `split`: a word begins at
// each.
std::unique_ptr<PreTokenizer> make_metaspace(std::string replacement, PrependScheme scheme, bool split);

std::unique_ptr<PreTokenizer> make_pre_tokenizer_sequence(std::vector<std::unique_ptr<PreTokenizer>> parts);

// GPT-2's pattern, which ByteLevel's use_regex stands for.
std::string_view gpt2_pattern();

}  // namespace braid
