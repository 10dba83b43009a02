// Pre-tokenizers cut a text into words before the model sees it. Tested by parts_reference_test.cc and
// split_reference_test.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/parts/byte_alphabet.h"
#include "braid/tokenizer/parts/parts.h"
#include "braid/tokenizer/regex/regex.h"

namespace braid {

// What a Split does with its matches, which delimit the pieces.
enum class SplitBehaviour { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// `invert`: the text between the matches is the delimiter.
std::unique_ptr<PreTokenizer> make_split(Regex regex, SplitBehaviour behaviour, bool invert);

// Bytes to the characters of the byte alphabet. `add_prefix_space`: each piece starts with a space. `use_regex`: split
// first, by GPT-2's pattern.
Result<std::unique_ptr<PreTokenizer>> make_byte_level(bool add_prefix_space, bool use_regex);

// Separates digits (Rust's is_numeric) from the rest, in runs or one by one.
std::unique_ptr<PreTokenizer> make_digits(bool individual_digits);

// Runs of word characters, and runs of characters that are neither word nor space.
Result<std::unique_ptr<PreTokenizer>> make_whitespace();
// The text between white space.
std::unique_ptr<PreTokenizer> make_whitespace_split();
// Each punctuation character is a match.
std::unique_ptr<PreTokenizer> make_punctuation(SplitBehaviour behaviour);

enum class PrependScheme { kNever, kFirst, kAlways };
// Turns spaces into `replacement` (one character), and puts one in front if the scheme says so. `split`: a word begins
// at each replacement.
std::unique_ptr<PreTokenizer> make_metaspace(std::string replacement, PrependScheme scheme, bool split);

std::unique_ptr<PreTokenizer> make_pre_tokenizer_sequence(std::vector<std::unique_ptr<PreTokenizer>> parts);

// GPT-2's pattern (ByteLevel's use_regex).
std::string_view gpt2_pattern();

}  // namespace braid
