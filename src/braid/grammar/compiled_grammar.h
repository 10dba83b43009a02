// A grammar compiled for one vocabulary. All requests that ask for it share it, from any thread. It caches what its
// matchers compute (configurations, masks), within bounds. Tested by grammar_matcher_test.cc.
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
  // An error if no text satisfies the grammar, or if it is too large. `meter` counts its bytes.
  static Result<std::shared_ptr<const CompiledGrammar>> compile(const grammar::Grammar& grammar,
                                                                std::shared_ptr<const grammar::Vocabulary> vocabulary,
                                                                std::shared_ptr<grammar::SharedLocalMasks> shared,
                                                                std::shared_ptr<MemoryMeter> meter);
  ~CompiledGrammar();

  int64_t vocab_size() const { return vocabulary_->size(); }
  int64_t num_states() const;
  // Its current size, with its caches.
  int64_t memory_bytes() const;

 private:
  friend class GrammarMatcher;
  struct Memory;     // cache of configurations; replaced by a new one when it gets large
  struct Internals;  // the machine, and what is computed about it once

  CompiledGrammar(std::shared_ptr<const grammar::Vocabulary> vocabulary, std::unique_ptr<Internals> internals);

  const std::shared_ptr<const grammar::Vocabulary> vocabulary_;
  const std::unique_ptr<Internals> internals_;
};

}  // namespace braid
