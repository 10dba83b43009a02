// `braid tokenize` and `braid detokenize`: lines in, lines out, one tokenizer.
#pragma once

#include <iosfwd>

#include "braid/base/result.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {

// Each line of `in` is a JSON string; each line of `out` is the array of its ids. Skips blank lines. The first line
// that is anything else is the error.
Status tokenize_lines(const Tokenizer& tokenizer, bool add_special_tokens, std::istream& in, std::ostream& out);

// The reverse: arrays of ids in, JSON strings out.
Status detokenize_lines(const Tokenizer& tokenizer, bool skip_special_tokens, std::istream& in, std::ostream& out);

}  // namespace braid
