// Forms pieces from matches and the texts between them, by Hugging Face's five behaviours. Tested by
// split_reference_test.cc.
#pragma once

#include <cstddef>
#include <vector>

#include "braid/tokenizer/parts/pre_tokenizers.h"

namespace braid {

// Passes on pieces of `whole` as soon as they are complete.
class SplitPieces {
 public:
  struct Span {
    size_t begin = 0;
    size_t end = 0;
  };

  SplitPieces(const Piece& whole, SplitBehaviour behaviour, PieceSink sink);

  // Spans come from left to right, without gaps.
  void add(Span span, bool is_match);
  void finish();

 private:
  void emit(Span span);
  // Ends the pending piece; `span` is the next one.
  void start(Span span);

  const Piece& whole_;
  const SplitBehaviour behaviour_;
  const PieceSink sink_;
  Span pending_;
  bool has_pending_ = false;
  bool last_was_match_ = false;
};

}  // namespace braid
