// A grammar compiled for one vocabulary: shared by all requests that ask for it, from any thread. What its matchers
// find out about it (configurations, masks) is remembered in it, within bounds.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>

#include "braid/base/result.h"
#include "braid/grammar/automaton/expression.h"
#include "braid/grammar/mask/local_mask.h"
#include "braid/grammar/mask/vocabulary.h"

namespace braid {

class GrammarMatcher;
class MemoryMeter;

class CompiledGrammar {
 public:
  // An error if no text satisfies the grammar, or it is too large. Its bytes are counted by `meter`.
  static Result<std::shared_ptr<const CompiledGrammar>> compile(const grammar::Grammar& grammar,
                                                                std::shared_ptr<const grammar::Vocabulary> vocabulary,
                                                                std::shared_ptr<grammar::SharedLocalMasks> shared,
                                                                std::shared_ptr<MemoryMeter> meter);
  ~CompiledGrammar();

  int64_t vocab_size() const { return vocabulary_->size(); }
  int64_t num_states() const;
  // What it takes now, with what is remembered.
  int64_t memory_bytes() const;

 private:
  friend class GrammarMatcher;
  struct Memory;    // of configurations; replaced by a new one when it has grown large
  struct Workshop;  // the machine, and what is known of it for good

  CompiledGrammar(std::shared_ptr<const grammar::Vocabulary> vocabulary, std::unique_ptr<Workshop> workshop);

  const std::shared_ptr<const grammar::Vocabulary> vocabulary_;
  const std::unique_ptr<Workshop> workshop_;
};

}  // namespace braid
