// From alternating matches and texts between them to pieces, by Hugging Face's five behaviours.
#pragma once

#include <cstddef>
#include <vector>

#include "braid/tokenizer/parts/pre_tokenizers.h"

namespace braid {

// Hands pieces of `whole` on as soon as they are certain.
class SplitPieces {
 public:
  struct Span {
    size_t begin = 0;
    size_t end = 0;
  };

  SplitPieces(const Piece& whole, SplitBehaviour behaviour, PieceSink sink);

  // Spans come left to right and leave nothing out.
  void add(Span span, bool is_match);
  void finish();

 private:
  void emit(Span span);
  // The pending piece ends; `span` is the next one.
  void start(Span span);

  const Piece& whole_;
  const SplitBehaviour behaviour_;
  const PieceSink sink_;
  Span pending_;
  bool has_pending_ = false;
  bool last_was_match_ = false;
};

}  // namespace braid
