#include "braid/tokenizer/parts/split_behaviour.h"

namespace braid {

SplitPieces::SplitPieces(const Piece& whole, SplitBehaviour behaviour, PieceSink sink)
    : whole_(whole), behaviour_(behaviour), sink_(sink) {}

void SplitPieces::emit(Span span) {
  if (span.begin == span.end) return;
  sink_({whole_.text.substr(span.begin, span.end - span.begin), whole_.is_first && span.begin == 0});
}

void SplitPieces::start(Span span) {
  if (has_pending_) emit(pending_);
  pending_ = span;
  has_pending_ = true;
}

void SplitPieces::add(Span span, bool is_match) {
  bool joins = false;  // whether the pending piece joins the next
  switch (behaviour_) {
    case SplitBehaviour::kRemoved:
      if (!is_match) emit(span);
      return;
    case SplitBehaviour::kIsolated:
      emit(span);
      return;
    case SplitBehaviour::kContiguous:
      joins = is_match == last_was_match_;
      break;
    case SplitBehaviour::kMergedWithPrevious:
      joins = is_match && !last_was_match_;
      break;
    case SplitBehaviour::kMergedWithNext:
      joins = !is_match && last_was_match_;
      break;
  }
  if (joins && has_pending_) {
    pending_.end = span.end;
  } else {
    start(span);
  }
  last_was_match_ = is_match;
}

void SplitPieces::finish() {
  if (has_pending_) emit(pending_);
  has_pending_ = false;
}

}  // namespace braid
