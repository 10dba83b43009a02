// `braid tokenize` and `braid detokenize`: lines in, lines out, one tokenizer.
#pragma once

#include <iosfwd>

#include "braid/tokenizer/tokenizer.h"

namespace braid {

// Each line of `in` is a JSON string; each line of `out` the array of its ids. Returns the process's exit code: at the
// first line that is something else, one line on `err` and 1. Empty lines are skipped.
int run_tokenize(const Tokenizer& tokenizer, bool add_special_tokens, std::istream& in, std::ostream& out,
                 std::ostream& err);

// The reverse: arrays of ids in, JSON strings out.
int run_detokenize(const Tokenizer& tokenizer, bool skip_special_tokens, std::istream& in, std::ostream& out,
                   std::ostream& err);

}  // namespace braid
